"""Which epoch best.ckpt holds, and what a checkpoint consists of."""

import pytest
import small_run
import torch
from lightning.pytorch import Callback
from small_run import assert_same, network

ACCURACIES = [0.5, 0.9, 0.7, 0.9]
LOSSES = [0.9, 0.5, 0.3, 0.6]


class Pretend(Callback):
    """Puts made-up validation results in the place of the measured ones."""

    def on_validation_end(self, _, task) -> None:
        epoch = int(task.row["epoch"]) - 1
        task.row.update(val_acc=ACCURACIES[epoch], val_loss=LOSSES[epoch])


def trained(run, keep: str):
    return run(keep, epochs=4, keep=keep, callbacks=(Pretend(),)).fit()


@pytest.mark.parametrize(
    ("keep", "epoch", "value"), [("val_acc", 2, 0.9), ("val_loss", 3, 0.3), ("last", 4, 0.9)]
)
def test_selection(run, keep: str, epoch: int, value: float) -> None:
    """The earlier of two equal epochs stays."""
    made = trained(run, keep)
    assert made.checkpoint.best == {"epoch": epoch, "value": value}
    best = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
    last = torch.load(made.checkpoints / "last.ckpt", weights_only=True)
    assert best["position"]["epoch"] == epoch  # so many epochs are done
    assert last["position"]["epoch"] == 4
    same = torch.equal(best["state_dict"]["model.6.weight"], last["state_dict"]["model.6.weight"])
    assert same == (epoch == 4)


def test_equal_states_are_two_files(run) -> None:
    """Damage to one of them leaves the other."""
    made = trained(run, "last")
    best, last = made.checkpoints / "best.ckpt", made.checkpoints / "last.ckpt"
    assert not best.samefile(last)
    assert best.read_bytes() == last.read_bytes()
    names = sorted(path.name for path in made.checkpoints.iterdir())
    assert names == ["best.ckpt", "last.ckpt"]
    assert sorted(path.name for path in made.folder.iterdir()) == ["checkpoints", "metrics.csv"]


def test_weights_load_into_the_plain_model(run) -> None:
    made = run(epochs=1).fit()
    saved = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
    model = network(seed=9)
    model.load_state_dict(
        {name.removeprefix("model."): value for name, value in saved["state_dict"].items()}
    )
    assert_same(dict(model.state_dict()), dict(made.model.state_dict()))


def test_compiled_models_keep_their_names(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(seed: int) -> torch.nn.Module:
        model = network(seed)
        model.compile(backend="eager")
        return model

    monkeypatch.setattr(small_run, "network", compiled)
    made = run(epochs=1, max_steps=3).fit()
    saved = torch.load(made.checkpoints / "best.ckpt", weights_only=True)
    assert list(saved["state_dict"]) == [f"model.{name}" for name in network().state_dict()]
