"""Checkpoints that are damaged: found, set aside, and replaced by the last good one."""

import random
from pathlib import Path

import pytest
import torch

from cnnlab.registry import CnnlabError
from cnnlab.runs.checkpoint_file import (
    damage,
    last_state,
    read_checkpoint,
    set_aside_damaged,
)
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.weights import best_weights


def write(path: Path, epoch: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"model.weight": torch.linspace(0, 1, 2000), "model.bias": torch.ones(3)}
    position = {"epoch": epoch, "step": 0}
    torch.save({"state_dict": state, "optimizer_states": [{}], "position": position}, path)


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "run")
    write(made.last_checkpoint, 5)
    write(made.best_checkpoint, 3)
    return made


def test_one_wrong_bit_is_found(run_dir: RunDir) -> None:
    """torch would load most of them without a word."""
    file = run_dir.last_checkpoint
    whole, good = file.read_bytes(), read_checkpoint(file)
    draw = random.Random(0)
    for _ in range(100):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(content)
        if damage(file) is None:  # a bit that means nothing
            found = read_checkpoint(file)["state_dict"]
            assert all(torch.equal(good["state_dict"][name], found[name]) for name in found)
            continue
        with pytest.raises(CnnlabError) as error:
            read_checkpoint(file)
        assert str(error.value).startswith(f"{file}: cannot be read as a checkpoint: ")
        assert "\n" not in str(error.value)
    for length in (0, 1, 100, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert damage(file) is not None


def test_a_damaged_last_is_replaced_by_the_best(run_dir: RunDir) -> None:
    assert set_aside_damaged(run_dir) == []
    spoil(run_dir.last_checkpoint)
    assert last_state(run_dir)["position"]["epoch"] == 3
    (line,) = set_aside_damaged(run_dir)
    assert "last.ckpt: " in line
    assert line.endswith("set aside as last.ckpt.damaged, going on from best.ckpt")
    assert read_checkpoint(run_dir.last_checkpoint)["position"]["epoch"] == 3
    assert not run_dir.last_checkpoint.samefile(run_dir.best_checkpoint)
    assert last_state(run_dir)["position"]["epoch"] == 3


def test_a_damaged_best_is_said_and_not_used(run_dir: RunDir) -> None:
    spoil(run_dir.best_checkpoint)
    with pytest.raises(CnnlabError, match=r"best.ckpt: cannot be read as a checkpoint"):
        best_weights(run_dir)
    (line,) = set_aside_damaged(run_dir)
    assert "set aside as best.ckpt.damaged; the best epoch is chosen from the next on" in line
    assert not run_dir.best_checkpoint.exists()
    assert last_state(run_dir)["position"]["epoch"] == 5


def test_both_damaged(run_dir: RunDir) -> None:
    for file in (run_dir.last_checkpoint, run_dir.best_checkpoint):
        spoil(file)
    with pytest.raises(CnnlabError, match=r"last.ckpt: cannot be read"):
        last_state(run_dir)
    first, _ = set_aside_damaged(run_dir)
    assert first.endswith("starting from the beginning")
    assert last_state(run_dir) is None


@pytest.mark.parametrize("content", [{"weight": torch.ones(1)}, [1], Path("code")])
def test_files_that_are_no_checkpoints(tmp_path: Path, content) -> None:
    file = tmp_path / "last.ckpt"
    torch.save(content, file)
    with pytest.raises(CnnlabError) as error:
        read_checkpoint(file)
    assert "cannot be read as a checkpoint" in str(error.value)
    assert "weights_only" not in str(error.value)  # torch advises to load it unsafely
