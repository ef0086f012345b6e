"""Loggers are chosen by name and get every run's curves; what a run records does not need one."""

import csv
import importlib.util

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from torch.utils.tensorboard import SummaryWriter

from cnnlab.registry import LOGGERS
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.training.loggers import write_session

QUICK = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=64", "data.size=8"]
WORDS = ["train", *QUICK, "batch_size=16", "trainer.epochs=2"]


def only_run() -> RunDir:
    (run,) = find_runs(["runs"])
    return run


def test_two_loggers_write_both(cnnlab) -> None:
    answer = cnnlab(*WORDS, "logger=[tensorboard,csv]", "callbacks=[ema]")
    assert answer.code == 0, answer.err
    run = only_run()
    assert list(run.tensorboard_dir.glob("events*"))
    with (run.path / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    metrics, result = run.metrics(), run.result()
    assert [float(row["val/acc"]) for row in rows[:2]] == list(metrics["val_acc"])
    assert float(rows[-1]["final/test_acc"]) == result["test_acc"]
    assert run.config()["logger"] == {"tensorboard": {}, "csv": {}}
    parameters = yaml.safe_load((run.path / "csv" / "version_0" / "hparams.yaml").read_text())
    assert parameters["model"] == "mlp"
    assert parameters["optim"] == "sgd"
    assert (parameters["callbacks.ema"], parameters["callbacks.ema.decay"]) == (True, 0.999)


@pytest.mark.slow
def test_tensorboard_shows_the_curves_first_and_what_was_swept(cnnlab) -> None:
    words = [*WORDS, "seed=0,1", "optim.lr=0.1,0.05", "optim.nesterov=true", "sweep.name=s"]
    assert cnnlab(*words, "-m").code == 0
    hparams = []
    for run in find_runs(["runs"]):
        events = EventAccumulator(str(run.tensorboard_dir)).Reload()
        tags = events.Tags()
        # TensorBoard sorts its charts by name
        assert sorted([*tags["scalars"], *tags["images"]]) == [
            *("train/acc", "train/loss", "train/lr", "val/acc", "val/loss"),
            *("visualization/test_confusion", "wall_time/images_per_second"),
        ]
        text = events.Tensors("result/text_summary")[0].tensor_proto.string_val[0].decode()
        assert f"| test accuracy | {100 * run.result()['test_acc']:.2f}% |" in text
        content = events.summary_metadata
        assert metadata.EXPERIMENT_TAG not in content  # TensorBoard finds what varies itself
        start = content[metadata.SESSION_START_INFO_TAG].plugin_data.content
        values = metadata.parse_session_start_info_plugin_data(start).hparams
        hparams.append({k: v.string_value or v.number_value for k, v in values.items()})
    common = {"model": "mlp", "data": "synthetic", "model.hidden": "[8]", "batch_size": 16}
    common |= {"data.num_train": 64, "data.size": 8, "trainer.epochs": 2}
    swept = [(row.pop("optim.lr"), row.pop("seed")) for row in hparams]
    assert sorted(swept) == [(0.05, 0), (0.05, 1), (0.1, 0), (0.1, 1)]
    assert hparams == [common | {"optim.nesterov": "true"}] * 4


def test_a_session_is_written_after_the_training_s_file_was_closed(tmp_path) -> None:
    writer = SummaryWriter(tmp_path)
    writer.close()  # as Lightning does; a search tests no trial, which would open another
    write_session(writer, {"model": "mlp", "seed": 0}, "| | |", 1)
    writer.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert metadata.SESSION_START_INFO_TAG in events.summary_metadata


def test_no_logger_is_needed_and_none_is_part_of_the_identity(cnnlab) -> None:
    assert cnnlab(*WORDS, "logger=[]").code == 0
    run = only_run()
    assert not run.tensorboard_dir.exists()
    assert run.picture_file("confusion").is_file()
    assert run.config()["logger"] == {}
    again = cnnlab(*WORDS, "logger=[csv]")
    assert "already done" in again.err
    assert only_run().name == run.name


@pytest.mark.slow
def test_a_resumed_run_keeps_its_loggers(cnnlab) -> None:
    assert cnnlab(*WORDS, "logger=[csv]", "schedule=constant").code == 0
    first = only_run()
    assert cnnlab("train", f"resume={first}", "trainer.epochs=3").code == 0
    (second,) = (run for run in find_runs(["runs"]) if run.name != first.name)
    assert second.config()["logger"] == {"csv": {}}
    assert not second.tensorboard_dir.exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("logger=[tensorbord]", "no logger 'tensorbord'; did you mean 'tensorboard'?"),
        ("logger=[csv,wandbb]", "no logger 'wandbb'; did you mean 'wandb'?"),
        ("logger=null", "logger=null: give a name"),
        ("logger.csv.path=x", "no option 'logger.csv'"),
        (
            "callbacks=note",
            "no callback 'note' (one of: ema, grad_norm, lookahead, pictures, swa); --import",
        ),
        (
            "callbacks=[note]",
            "no callback 'note' (one of: ema, grad_norm, lookahead, pictures, swa); --import",
        ),
    ],
)
def test_unknown_names_are_refused(cnnlab, word: str, message: str) -> None:
    answer = cnnlab(*WORDS, word)
    assert answer.code == 2
    assert message in answer.err
    assert not find_runs(["runs"])


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_logger_whose_package_is_missing_says_what_to_install(
    cnnlab, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == name else found(n, *a)
    )
    answer = cnnlab(*WORDS, f"logger=[{name}]")
    assert answer.code == 2
    assert answer.err.strip().splitlines() == [
        f"cnnlab: logger={name} needs the package {name}: pip install 'cnnlab[{name}]'"
    ]


def test_options_of_a_logger_are_checked(cnnlab) -> None:
    assert LOGGERS["wandb"].packages == ("wandb",)
    answer = cnnlab(*WORDS, "logger=[mlflow]", "logger.mlflow.experimnt=x")
    assert answer.code == 2
    assert "did you mean 'logger.mlflow.experiment'?" in answer.err
