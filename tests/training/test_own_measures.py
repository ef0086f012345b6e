"""Losses and metrics by name: a person's own from outside the package, and what is refused."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnnlab.app.compose import compose
from cnnlab.inference.evaluate import evaluate
from cnnlab.inference.load import load_run
from cnnlab.metrics import METRICS
from cnnlab.registry import EXTRA_METRICS, LOSSES, CnnlabError
from cnnlab.runs.run_dir import find_runs

MODULE = '''
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.metrics import METRICS, Metric
from cnnlab.registry import EXTRA_METRICS, LOSSES
from cnnlab.spec import ImageSpec


@LOSSES.register("margin")
class MarginLoss(nn.Module):
    """The multi-class hinge loss.  logits (N, K), classes (N,) -> ()

    Args:
        margin: by which the right class should lead.
    """

    def __init__(self, spec: ImageSpec, labels: Tensor, *, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, logits: Tensor, classes: Tensor) -> Tensor:
        return F.multi_margin_loss(logits, classes, margin=self.margin)


METRICS["kappa"] = Metric("kappa", "kappa", True, ".3f", is_primary=False)


@EXTRA_METRICS.register("kappa")
def kappa(spec: ImageSpec):
    """Cohen's kappa: agreement beyond chance."""
    from torchmetrics.classification import MulticlassCohenKappa

    return MulticlassCohenKappa(spec.num_classes, validate_args=False)
'''
QUICK = ["data=synthetic", "data.size=8", "data.num_train=400", "model=mlp", "model.hidden=[16]"]
OWN = ["loss=margin", "loss.margin=0.5", "metrics=[top5,macro_f1,per_class,kappa]"]
CALLBACKS = ["callbacks=[ema,grad_norm,pictures]", "callbacks.pictures.every=2"]


@pytest.fixture
def mine(cnnlab, monkeypatch: pytest.MonkeyPatch):  # noqa: ARG001  (in its folder)
    Path("mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    with LOSSES.temporary(), EXTRA_METRICS.temporary():
        yield
    METRICS.pop("kappa", None)
    sys.modules.pop("mine", None)


@pytest.mark.slow
@pytest.mark.usefixtures("mine")
def test_ones_own_loss_and_metric_beside_registered_ones(cnnlab) -> None:
    words = [*QUICK, *OWN, *CALLBACKS, "trainer.epochs=3", "batch_size=50", "optim.lr=0.1"]
    answer = cnnlab("train", "--import", "mine", *words)
    assert answer.code == 0, answer.err
    (run,) = find_runs(["runs"])
    assert run.config()["loss"] == {"name": "margin", "margin": 0.5}
    sources = run.status()["identity"]["sources"]
    assert sources["loss"].startswith("ast:")
    assert sources["metrics.kappa"].startswith("ast:")
    rows, result = run.metrics(), run.result()
    assert rows["train_loss"].iloc[-1] < rows["train_loss"].iloc[0]
    assert (rows["grad_norm_max"] >= rows["grad_norm"]).all()
    of_class = load_run(run).dataset.spec.class_names[3]
    best = rows[rows["epoch"] == result["best_epoch"]].iloc[0]
    for column in ("top5", "macro_f1", "kappa", f"acc_{of_class}"):
        assert result[f"val_{column}"] == best[f"val_{column}"]
        assert f"test_{column}" in result
    assert {"top5", "macro_f1", "kappa"} <= {column.removeprefix("val_") for column in rows}
    pictures = sorted(file.name for file in (run.path / "pictures").iterdir())
    assert pictures == ["confusion-001.png", "confusion-002.png", "confusion-003.png"]
    assert "top-5 accuracy" in answer.out

    # The average is what is tested, loaded and evaluated; training goes on beside it.
    state = torch.load(run.best_checkpoint, weights_only=True)
    name, tensor = next(iter(load_run(run).model.state_dict().items()))
    assert torch.equal(state["state_dict"][f"model.{name}"], tensor)
    assert not torch.equal(state["trained_state_dict"][f"model.{name}"], tensor)
    again = evaluate(run)
    for column in ("acc", "loss", "top5", "macro_f1", "kappa"):
        assert again[f"test_{column}"] == pytest.approx(result[f"test_{column}"], rel=1e-5)
    answer = cnnlab("compare", "runs", "--import", "mine")
    assert answer.code == 0, answer.err
    assert "top-5" in answer.out


REFUSED = [
    ("loss=focl", "no loss 'focl'; did you mean 'focal'?"),
    ("loss=focal loss.gama=1", "loss=focal has no option 'gama'; did you mean 'loss.gamma'?"),
    ("loss.gamma=1", "loss=cross_entropy has no option 'gamma'; loss=focal has one"),
    ("loss=focal loss.gamma=-1", "loss.gamma=-1 must be at least 0"),
    ("loss=focal model=autoencoder", "loss=focal: model=autoencoder allows mse"),
    ("loss=cross_entropy model=autoencoder", "loss=cross_entropy: the model allows mse"),
    ("metrics=[top6]", "no metric 'top6'; did you mean 'top5'?"),
    ("metrics=[top_k] metrics.top_k.k=10", "top-10 accuracy needs more than 10 classes, not 10"),
    ("metrics=[top5] model=autoencoder", "metrics=[top5]: model=autoencoder is not for the task"),
    ("callbacks=[emma]", "no callback 'emma'; did you mean 'ema'?"),
    ("callbacks=[ema] callbacks.ema.decay=2", "decay=2 must be at least 0 and below 1"),
    ("callbacks=[ema,swa]", "callbacks=[ema,swa]: choose one; each decides which weights"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_mistakes_are_refused_before_anything_is_trained(words: str, message: str) -> None:
    with pytest.raises(CnnlabError) as refusal:
        compose(words.split())
    assert message in str(refusal.value)


@pytest.mark.usefixtures("mine")
def test_a_metrics_columns_are_its_own(cnnlab) -> None:
    def constant(value: float):
        class Constant:
            def reset(self) -> None: ...
            def update(self, logits: Tensor, labels: Tensor) -> None: ...
            def compute(self) -> dict[str, float]:
                return {"macro_f1": value}

        return lambda spec: Constant()  # noqa: ARG005

    EXTRA_METRICS.register("ours")(constant(0.125))
    EXTRA_METRICS.register("theirs")(constant(0.5))
    with pytest.raises(CnnlabError, match=r"val_macro_f1 is already a column of metrics=\[ours\]"):
        compose(["metrics=[ours,theirs]", *QUICK])
    answer = cnnlab("train", "metrics=[ours]", *QUICK, "trainer.epochs=1", "logger=[]")
    assert answer.code == 0, answer.err
    (run,) = find_runs(["runs"])
    assert (run.result()["val_macro_f1"], run.result()["test_macro_f1"]) == (0.125, 0.125)


FAULTS = {
    "reduction='none'": "loss=margin gives (2,); it must be one number, the mean",
    "margin=self.margin + nothing": "loss=margin: NameError: name 'nothing' is not defined",
    "margin=self.margin).detach().add(0": "loss=margin has no gradient",
}


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_loss_is_refused_before_anything_is_trained(fault: str) -> None:
    code = compile(MODULE.replace("margin=self.margin", fault), "mine.py", "exec")
    exec(code, {"__name__": "mine"})
    with pytest.raises(CnnlabError) as refusal:
        compose(["loss=margin", *QUICK])
    assert FAULTS[fault] in str(refusal.value)


def test_the_default_loss_is_the_tasks_own_and_of_earlier_configs() -> None:
    assert compose(["loss.label_smoothing=0.1"]).loss == {
        **{"name": "cross_entropy", "label_smoothing": 0.1, "class_weights": "none"}
    }
    plain = compose(["model=autoencoder", "data=synthetic"])
    assert plain.loss["name"] == "mse"
    assert compose(["model=autoencoder", "data=synthetic", "loss=mse"]) == plain


def test_components_are_listed(cnnlab) -> None:
    answer = cnnlab("components")
    assert answer.code == 0, answer.err
    for shown in ("loss.gamma=2.0", "metrics.top_k.k=3", "callbacks.ema.decay=0.999", "Lin et al."):
        assert shown in answer.out
    answer = cnnlab("components", "metric")
    assert answer.code == 2
    assert "no component group 'metric'; did you mean 'metrics'?" in answer.err
