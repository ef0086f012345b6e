"""The flags of ``cnnlab train``, wherever they stand among the overrides."""

import pytest

from cnnlab.app.arguments import read_arguments
from cnnlab.registry import CnnlabError


def test_flags_and_overrides_are_told_apart_in_any_order():
    arguments = read_arguments(["seed=0,1", "-m", "model=mlp"])
    assert arguments.multirun
    assert not arguments.wants_help
    assert arguments.questions == ()
    assert arguments.overrides == ("seed=0,1", "model=mlp")


def test_a_question_keeps_its_value():
    arguments = read_arguments(["--cfg", "job", "model=mlp", "--package=model"])
    assert arguments.questions == ("--cfg", "job", "--package=model")
    assert arguments.overrides == ("model=mlp",)
    assert not arguments.multirun


def test_several_config_dirs_are_one_search_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    overrides = read_arguments(["--config-dir", "a", "seed=1", "--config-dir=b"]).overrides
    places = f'"file://{tmp_path}/a","file://{tmp_path}/b"'
    assert overrides == ("seed=1", f"hydra.searchpath=[{places}]")


def test_config_dir_becomes_an_entry_of_the_search_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my confs").mkdir()
    for words in (["--config-dir", "my confs"], ["-cd=my confs"]):
        overrides = read_arguments(words).overrides
        assert overrides == (f'hydra.searchpath=["file://{tmp_path}/my confs"]',)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mulitrun"], "no flag --mulitrun; did you mean '--multirun'"),
        (["--cfg"], "--cfg needs a value"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["--config-name", "other"], "no flag --config-name"),
    ],
)
def test_other_flags_are_refused(words, message):
    with pytest.raises(CnnlabError, match=message):
        read_arguments(words)


def test_configs_of_another_folder_are_found(cnnlab, tmp_path):
    folder = tmp_path / "lab" / "model"
    folder.mkdir(parents=True)
    (folder / "tiny.yaml").write_text("defaults: [mlp, _self_]\nhidden: [3]\n")
    answer = cnnlab("train", "--config-dir", "lab", "model=tiny", "trainer=smoke")
    assert answer.code == 0, answer.err
    assert "tiny_digits_smoke-" in answer.out
