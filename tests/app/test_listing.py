"""`cnnlab models`, `cnnlab data` and the help of `cnnlab train` show every option, documented."""

import dataclasses
import subprocess
import sys
from dataclasses import dataclass

import pytest
from rich.console import Console

from cnnlab.app.help import print_train_help
from cnnlab.app.listing import print_data, print_models
from cnnlab.app.option_table import OptionRow, brief, component_rows, field_rows, print_rows
from cnnlab.config import schema
from cnnlab.config.docs import difference, option_docs
from cnnlab.data.loading.augment import Augment
from cnnlab.discovery import discover
from cnnlab.registry import DATASETS, MODELS, OPTIMIZERS, SCHEDULES

discover()
CROP = Augment(crop=4)


def component(
    given: int, *, depth: int, rates: tuple[float, ...] = (0.1, 1.0), augment: Augment = CROP
) -> None:
    """Something configurable.

    Args:
        depth: number of layers.
        rates: one per layer.
        augment: of images.
    """


@dataclass
class Inner:
    """Inside.

    Args:
        from_: where it starts.
    """

    from_: str | None = None


@dataclass
class Outer:
    """Around.

    Args:
        name: what it is called.
    """

    required: int
    name: str = "x"
    inner: Inner = dataclasses.field(default_factory=Inner)


def test_rows_of_a_component():
    assert list(component_rows("model", component)) == [
        OptionRow("model.depth=...", "int, required", "number of layers."),
        OptionRow("model.rates=[0.1,1.0]", "list of float", "one per layer."),
        OptionRow("model.augment={crop:4}", "options, listed at the end", "of images."),
    ]


def test_rows_of_nested_dataclasses():
    assert list(field_rows("run.", Outer)) == [
        OptionRow("run.name=x", "str", "what it is called."),
        OptionRow("run.inner.from=null", "str or null", "where it starts."),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        ([1, "same"], "[1,same]"),
        (list(range(7)), "[7 items]"),
        ({"crop": 4, "flip": False}, "{crop:4,flip:false}"),
    ],
)
def test_values_are_as_they_are_typed(value, text):
    assert brief(value) == text


def test_options_are_aligned_and_wrapped(capsys):
    rows = [
        OptionRow("a=1", "int", "a text of more than twenty characters"),
        OptionRow("long.name=null", "str", ""),
    ]
    print_rows(Console(width=40), rows)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "    a=1             a text of more than",
        "                    twenty characters",
        "                    [int]",
        "    long.name=null  str",
    ]


def listed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize(
    ("show", "registries"),
    [
        (lambda: print_models(None), [MODELS]),
        (print_data, [DATASETS]),
        (print_train_help, [OPTIMIZERS, SCHEDULES]),
    ],
    ids=["models", "data", "train"],
)
def test_every_option_is_listed_with_its_documentation(
    capsys, monkeypatch, columns, show, registries
):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # elsewhere no line is wrapped
    monkeypatch.setenv("TERM", "dumb")
    show()
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= int(columns)
    for registry in registries:
        for entry in registry:
            docs = option_docs(entry.component)
            for option in schema.options(entry.component):
                assert f"{registry.kind}.{option}=" in page
                # At 80 columns a long default is folded between the lines of its documentation.
                assert columns == "80" or docs[option] in listed(page)


def test_how_a_model_differs_from_its_source_is_listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    print_models(None)
    page = listed(capsys.readouterr().out)
    differences = [text for entry in MODELS if (text := difference(entry.component))]
    assert len(differences) > 5
    assert all(text in page for text in differences)


def test_augmentations_are_listed_once(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    print_data()
    page = capsys.readouterr().out
    assert page.count("data.augment.cutmix=0.0") == 1
    assert page.count("data.augment={crop:4,flip:true}") == 2  # CIFAR-10 and CIFAR-100


def test_the_help_shows_what_can_be_chosen_and_the_defaults(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    print_train_help()
    page = listed(capsys.readouterr().out)
    for text in (
        "model=lenet5 names and options: cnnlab models",
        "optim=sgd adam | adamw | muon | rmsprop | sgd",
        "hydra/launcher=in_process in_process | joblib",
        "--cfg job",
        "trainer.epochs=null passes over the training images; null: 10, or as many as max_steps "
        "needs. [int at least 1 or null]",
        "--import MODULE",
        "--plan",
        "-v, --verbose",
        "-cd, --config-dir FOLDER",
        "-c, --cfg job",
        "-p, --package GROUP",
        "--resolve with --cfg",
        "-i, --info defaults",
        "init.from=null",
        "seed=0",
        "hydra.launcher.n_jobs=-1",
        "hydra.sweeper.n_trials=20",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("part", "shown", "others"),
    [
        ("trainer.epochs", ["trainer.epochs=", "trainer.test="], ["optim.lr=", "seed="]),
        ("seed=1", ["seed=", "batch_size="], ["trainer.epochs="]),
        ("optim", ["optim=sgd", "optim=adam"], ["schedule="]),
        ("optim=adam", ["optim.beta1="], ["optim=sgd", "Usage"]),
        ("model=resnet20", ["model=resnet", "model.depth="], ["model.width="]),
        ("hydra/launcher=joblib", ["hydra.launcher.n_jobs="], ["hydra.sweeper."]),
        ("nothing", ["Usage", "trainer.epochs="], []),
    ],
)
def test_parts_of_the_help(capsys, part, shown, others):
    print_train_help([part])
    page = capsys.readouterr().out
    assert [text in page for text in shown + others] == [True] * len(shown) + [False] * len(others)


@pytest.mark.slow
def test_the_help_needs_neither_hydra_nor_lightning():
    script = (
        "import sys; from cnnlab.discovery import discover; discover(); "
        "from cnnlab.app.help import print_train_help; print_train_help(); "
        "print(sorted({'hydra', 'lightning', 'optuna'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
