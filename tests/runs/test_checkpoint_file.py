"""Checkpoints that are damaged: found, set aside, and replaced by the last good one."""

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.registry import CnnlabError
from cnnlab.runs.checkpoint_file import (
    damage,
    last_state,
    read_checkpoint,
)
from cnnlab.runs.damaged import repair_checkpoints
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.weights import best_weights

STATE = {"model.weight": torch.linspace(0, 1, 2000), "model.bias": torch.ones(3)}
SHAPES = {name.removeprefix("model."): value.shape for name, value in STATE.items()}


def write(path: Path, epoch: int, *, best: int | None = None, state: Any = STATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "state_dict": state,
        "optimizer_states": [{}],
        "position": {"epoch": epoch, "step": 0},
        "callbacks": {"RunCheckpoint": {"best": {"epoch": best or 3, "value": 0.5}}},
    }
    torch.save(content, path)


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
    assert repair_checkpoints(run_dir, SHAPES) == []
    spoil(run_dir.last_checkpoint)
    assert last_state(run_dir)["position"]["epoch"] == 3
    (line,) = repair_checkpoints(run_dir, SHAPES)
    assert "last.ckpt: cannot be read as a checkpoint: is damaged (checksum); kept as" in line
    assert re.search(r"kept as last.ckpt.damaged-\d+, continuing from best.ckpt$", line)
    assert read_checkpoint(run_dir.last_checkpoint)["position"]["epoch"] == 3
    assert not run_dir.last_checkpoint.samefile(run_dir.best_checkpoint)
    assert last_state(run_dir)["position"]["epoch"] == 3


def test_a_damaged_best_is_said_and_not_used(run_dir: RunDir) -> None:
    spoil(run_dir.best_checkpoint)
    with pytest.raises(CnnlabError, match=r"best.ckpt: cannot be read as a checkpoint"):
        best_weights(run_dir)
    (line,) = repair_checkpoints(run_dir, SHAPES)
    assert re.search(r"best.ckpt.damaged-\d+; the best epoch is chosen among the next ones$", line)
    assert not run_dir.best_checkpoint.exists()
    assert last_state(run_dir)["position"]["epoch"] == 5


def test_both_damaged(run_dir: RunDir) -> None:
    for file in (run_dir.last_checkpoint, run_dir.best_checkpoint):
        spoil(file)
    with pytest.raises(CnnlabError, match=r"last.ckpt: cannot be read"):
        last_state(run_dir)
    first, second = repair_checkpoints(run_dir, SHAPES)
    assert first.endswith("starting from the beginning")
    assert "best epoch" not in second
    assert last_state(run_dir) is None


def epochs(run: RunDir) -> tuple[int, int]:
    files = (run.last_checkpoint, run.best_checkpoint)
    last, best = (read_checkpoint(file)["position"]["epoch"] for file in files)
    return last, best


def test_a_best_that_a_kill_left_later_than_the_last_is_gone_on_from(run_dir: RunDir) -> None:
    write(run_dir.last_checkpoint, 2, best=1)
    write(run_dir.best_checkpoint, 3, best=3)
    assert repair_checkpoints(run_dir, SHAPES) == []
    assert epochs(run_dir) == (3, 3)
    write(run_dir.last_checkpoint, 2, best=3)  # epoch 3 cut short, the best even so, then whole
    assert last_state(run_dir)["position"]["epoch"] == 3
    assert repair_checkpoints(run_dir, SHAPES) == []
    assert epochs(run_dir) == (3, 3)
    run_dir.last_checkpoint.unlink()  # a kill in the first epoch of all
    assert repair_checkpoints(run_dir, SHAPES) == []
    assert epochs(run_dir) == (3, 3)
    write(run_dir.last_checkpoint, 5, best=3)
    assert repair_checkpoints(run_dir, SHAPES) == []
    assert epochs(run_dir) == (5, 3)


@pytest.mark.parametrize("lost", ["damaged", "missing", "earlier"])
def test_a_lost_best_is_the_last_where_that_says_so(run_dir: RunDir, lost: str) -> None:
    write(run_dir.last_checkpoint, 5, best=5)
    write(run_dir.best_checkpoint, 3, best=3)
    if lost == "damaged":
        spoil(run_dir.best_checkpoint)
    elif lost == "missing":
        run_dir.best_checkpoint.unlink()
    lines = repair_checkpoints(run_dir, SHAPES)
    assert [line.rsplit("-", 1)[0][-20:] for line in lines] == (
        [] if lost != "damaged" else ["as best.ckpt.damaged"]
    )
    assert epochs(run_dir) == (5, 5)


def save_npz(file: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, a=np.ones(3))


FOREIGN = {
    "npz": (save_npz, "cannot be read as a checkpoint"),
    "other tensors": (
        lambda file: write(file, 5, state={"model.weight": torch.ones(2000)}),
        "belongs to another model: it has no bias",
    ),
    "more tensors": (
        lambda file: write(file, 5, state={**STATE, "model.more": torch.ones(1)}),
        "belongs to another model: it has more",
    ),
    "other shapes": (
        lambda file: write(file, 5, state={**STATE, "model.bias": torch.ones(4)}),
        r"belongs to another model: bias is \(4,\), not \(3,\)",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_whole_file_of_something_else_is_set_aside_too(run_dir: RunDir, kind: str) -> None:
    make, reason = FOREIGN[kind]
    make(run_dir.last_checkpoint)
    (line,) = repair_checkpoints(run_dir, SHAPES)
    assert re.search(rf"last.ckpt: {reason}.*, continuing from best.ckpt$", line)
    assert epochs(run_dir) == (3, 3)


@pytest.mark.parametrize("content", [{"weight": torch.ones(1)}, [1], Path("code")])
def test_files_that_are_no_checkpoints(tmp_path: Path, content) -> None:
    file = tmp_path / "last.ckpt"
    torch.save(content, file)
    with pytest.raises(CnnlabError) as error:
        read_checkpoint(file)
    assert "cannot be read as a checkpoint" in str(error.value)
    assert "weights_only" not in str(error.value)  # torch advises to load it unsafely
