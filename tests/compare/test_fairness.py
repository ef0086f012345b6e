"""What differs though it was not swept is named first, with what it spoils."""

import io

import pytest
from rich.console import Console

from cnnlab.compare.compare import compare
from cnnlab.compare.terminal_table import print_report

MODELS = ("mlp", "lenet5", "alexnet", "convnext")


@pytest.fixture
def compared(make_run, tmp_path):
    """Four models by three seeds; ``unlike(model, seed)`` gives a run's own options, None: none."""

    def make(unlike):
        for model in MODELS:
            for seed in range(3):
                own = unlike(model, seed)
                if own is not None:
                    accuracy = 0.9 + 0.01 * seed
                    make_run(seed=seed, test_acc=accuracy, **{"model.name": model}, **own)
        return compare([tmp_path])

    return make


def only(comparison):
    (finding,) = comparison.findings
    return finding.text, finding.spoils


def test_a_fair_comparison_has_none(compared):
    assert compared(lambda *_: {}).findings == []


def test_one_model_with_more_epochs(compared):
    comparison = compared(lambda m, _: {"trainer.epochs": 12 if m == "alexnet" else 10})
    text = "trainer.epochs: 12 in alexnet; 10 in mlp, lenet5, convnext"
    assert only(comparison) == (text, "accuracy")
    console = Console(file=io.StringIO(), width=100)
    print_report(comparison, console)
    lines = console.file.getvalue().splitlines()
    assert lines[2] == f"Spoils the comparison: {text}."


def test_swept_epochs_are_no_fault(make_run, tmp_path):
    for epochs in (10, 12):
        for model in MODELS[:2]:
            make_run(**{"model.name": model, "trainer.epochs": epochs})
    assert compare([tmp_path]).findings == []


def test_another_split(compared):
    comparison = compared(lambda m, _: {"result": {"split": "fff"}} if m == "lenet5" else {})
    text = "training images and validation split: fff in lenet5; 0123456789ab in mlp, alexnet, "
    assert only(comparison) == (text + "convnext", "accuracy")


def test_a_seed_that_one_model_lacks(compared):
    comparison = compared(lambda m, seed: None if (m, seed) == ("alexnet", 2) else {})
    text = "seeds: alexnet lacks seed 2 (paired tests use the common ones: 0, 1)"
    assert only(comparison) == (text, "")


def test_one_run_on_another_device(compared):
    def device(model, seed):
        return {"result": {"torch": "2", "device": "A100" if (model, seed) == ("mlp", 1) else "T4"}}

    comparison = compared(device)
    text = "device: A100 in mlp (seed 1); T4 in the other 5"
    assert only(comparison) == (text, "time")
    assert comparison.table.set_index("model")["device"]["mlp"] == "T4 / A100"


@pytest.mark.parametrize(
    ("options", "text", "spoils"),
    [
        ({"batch_size": 64}, "batch_size: 64 in mlp; 128 in lenet5, alexnet, convnext", ""),
        (
            {"data.augment": "crop"},
            "data.augment: crop in mlp; none in lenet5, alexnet, convnext",
            "accuracy",
        ),
        ({"result": {"torch": "2.11"}}, "torch version", ""),
        ({"result": {"torch": "2.14", "commit": "abc"}}, "code version (git commit)", ""),
        ({"result": {"precision": "bf16-mixed"}}, "precision: bf16 in mlp; 32 in", "time"),
    ],
)
def test_other_differences(compared, options, text, spoils):
    usual = {"result": {"torch": "2.14", "commit": "fff", "precision": "32-true"}}

    def of(model, _):
        own = options if model == "mlp" else {}
        result = usual["result"] | own.get("result", {})
        return {"data.augment": "none"} | own | {"result": result}

    comparison = compared(of)
    found = [f for f in comparison.findings if f.text.startswith(text)]
    assert [finding.spoils for finding in found] == [spoils]


def test_the_gravest_comes_first(compared):
    comparison = compared(
        lambda m, _: (
            {"batch_size": 64, "trainer.epochs": 3, "result": {"accelerator": "cuda"}}
            if m == "mlp"
            else {}
        )
    )
    assert [finding.spoils for finding in comparison.findings] == ["accuracy", "time", ""]


def test_runs_of_one_row_with_other_parameters_are_named(compared):
    comparison = compared(
        lambda m, s: {"result": {"params": 1200 if (m, s) == ("mlp", 0) else 999}}
    )
    assert comparison.notes == ["the 3 runs of mlp differ in parameters: 999 to 1,200"]


def test_failed_cells_are_named_with_their_error(compared, make_run):
    run = make_run(seed=2, state="failed", **{"model.name": "vgg"})
    run.update_status(error="OutOfMemoryError: CUDA out of memory\nmore")
    comparison = compared(lambda *_: {})
    assert comparison.notes == [
        "1 unfinished run left out (1 failed): vgg, seed 2 (failed: OutOfMemoryError: CUDA out of "
        "memory)"
    ]
