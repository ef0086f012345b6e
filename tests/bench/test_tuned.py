"""`trainer=tuned`: the options of the cache become the run's own, and typed ones win."""

from pathlib import Path

import pytest
import torch

from cnnlab.app.command import read_command
from cnnlab.app.compose import compose
from cnnlab.bench.tuned import _announce, cache_file, cache_key, load, save, tuned_folder
from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.identity import identify

TINY = ["model=mlp", "data=synthetic", "data.size=16", "data.num_train=64", "data.num_val=20"]
WORDS = [*TINY, "batch_size=16"]
CHOICE = {
    "trainer.compile": "true",
    "trainer.precision": "bf16",
    "trainer.channels_last": "false",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert tuned_folder() == tmp_path / "cnnlab" / "tuned"
    return tuned_folder()


def key_of(config: RunConfig) -> dict[str, object]:
    return cache_key(config, build(DATASETS, config.data).spec)


def of_sweep(words: list[str]) -> RunConfig:
    """The config of a sweep's only job."""
    command = read_command(words, multirun=True)
    return command.make_job(command.overrides).config


@pytest.fixture
def _tuned() -> None:
    save(key_of(compose(WORDS)), CHOICE, {})


@pytest.mark.slow
def test_the_key_is_machine_torch_network_images_and_batch_size() -> None:
    config = compose(WORDS)
    key = key_of(config)
    assert key["torch"] == torch.__version__
    assert (key["shape"], key["batch_size"], key["num_classes"]) == ([1, 16, 16], 16, 10)
    assert key["model"]["name"] == "mlp"  # type: ignore[index]
    same = [word for word in WORDS if word != "data.num_train=64"]
    same += ["seed=3", "optim.lr=0.3", "data.num_train=60", "trainer.epochs=2"]
    assert key_of(compose(same)) == key
    for other in (["model.hidden=[8]"], ["data.channels=3"], ["trainer.accumulate=2"]):
        assert key_of(compose([*WORDS, *other])) != key
    assert key_of(compose([*TINY, "batch_size=32"])) != key


@pytest.mark.usefixtures("_tuned")
def test_the_saved_config_has_what_was_chosen() -> None:
    config = compose([*WORDS, "trainer=tuned"])
    assert (config.trainer.precision, config.trainer.compile) == ("bf16", True)
    assert config.trainer.channels_last == "false"
    typed = compose([*WORDS, *(f"{key}={value}" for key, value in CHOICE.items())])
    assert config == typed
    assert identify(config) == identify(typed)


@pytest.mark.usefixtures("_tuned")
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("trainer.precision=32", ("32", True)),
        ("trainer.precision=auto", ("auto", True)),  # the default, but typed
        ("trainer.compile=false", ("bf16", False)),
        ("trainer.epochs=3", ("bf16", True)),
    ],
)
def test_typed_words_win(word: str, expected: tuple[str, bool]) -> None:
    trainer = compose([*WORDS, "trainer=tuned", word]).trainer
    assert (trainer.precision, trainer.compile) == expected


@pytest.mark.usefixtures("_tuned")
def test_what_is_taken_and_what_is_not_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    _announce.cache_clear()
    for _ in range(2):
        compose([*WORDS, "trainer=tuned", "trainer.precision=32", "trainer.compile=true"])
    assert capfd.readouterr().err == (
        "trainer=tuned, mlp with batches of 16: trainer.compile=true trainer.channels_last=false\n"
        "  not trainer.precision=bf16: trainer.precision=32 is set\n"
    )


@pytest.mark.usefixtures("_tuned")
def test_the_machines_of_a_cluster_are_others() -> None:
    slurm = "hydra/launcher=submitit_slurm"
    with pytest.raises(CnnlabError, match=f"this machine; {slurm} trains on others"):
        of_sweep([*WORDS, "trainer=tuned", slurm])
    ray = ["hydra/launcher=ray", "hydra.launcher.ray.init.address=auto"]
    with pytest.raises(CnnlabError, match="hydra/launcher=ray trains on others"):
        of_sweep([*WORDS, "trainer=tuned", *ray])
    assert of_sweep([*WORDS, "trainer=tuned", "hydra/launcher=joblib"]).trainer.compile


@pytest.mark.usefixtures("_tuned")
def test_a_missing_or_damaged_entry_is_refused_with_the_line_that_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "first run: cnnlab bench --tune model=mlp data=synthetic"
    with pytest.raises(CnnlabError, match=line) as refused:
        compose([*TINY, "batch_size=32", "seed=1", "trainer=tuned"])
    assert str(refused.value).endswith("batch_size=32")  # the seed makes no difference
    monkeypatch.setenv("CNNLAB_IMPORT", "json")
    with pytest.raises(CnnlabError) as refused:
        compose([*WORDS, "model.hidden=[8,4]", "trainer.accumulate=2", "trainer=tuned"])
    assert str(refused.value).endswith(
        f"first run: cnnlab bench --tune --import json {' '.join(WORDS)} 'model.hidden=[8,4]' "
        "trainer.accumulate=2"
    )
    key = key_of(compose(WORDS))
    for text in ("", "{", "[]", '{"options": 3}'):
        cache_file(key).write_text(text)
        assert load(key) is None


@pytest.mark.usefixtures("_tuned")
def test_an_option_that_this_version_lacks_is_passed_by() -> None:
    save(key_of(compose(WORDS)), {**CHOICE, "trainer.future": "true"}, {})
    assert compose([*WORDS, "trainer=tuned"]).trainer.precision == "bf16"
