"""A run of two devices that is killed at random moments, and started again after each.

``PYTHONPATH=tests python -m torture.two_device_kills --count 10 --seed 0``. A kill is SIGKILL to
the command alone, to one of its two processes, or to all three. At the end weights, optimiser,
metrics and outputs of the test set must be those of the undisturbed run, to the last bit.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from commands import Command, all_end, descendants  # noqa: E402

from cnnlab.runs.run_dir import RunDir, find_runs  # noqa: E402

RECORD = ROOT / "experiments" / "torture" / "two_device_kills.json"
TIMES = ["seconds", "images_per_second"]
# Batch norm, dropout and random augmentation: whatever could differ after a restart.
WORDS = [
    *("train", "model=alexnet", "model.channels=[8,8,8,8,8]", "model.norm=batch"),
    *("model.dropout=0.3", "data=digits", "data.augment.crop=1", "data.augment.cutout=2"),
    *("batch_size=128", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.accumulate=2"),
    "trainer.checkpoint_every=1",
]


def two_device_kills(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Kill one run ``count`` times and compare it with an undisturbed one.

    Args:
        folder: empty; both runs go into it.

    Returns:
        The record: how many kills hit what and when, how often the run was resumed from a
        checkpoint, and what differs at the end.
    """
    words = [*WORDS, f"trainer.epochs={5 * count}"]
    draw = random.Random(seed)
    whole, killed = folder / "whole", folder / "killed"
    _finish(whole, words)
    kills: Counter[str] = Counter()
    saves = 0
    while kills.total() < count:
        command = Command(killed, *words)
        when = "while it starts" if draw.random() < 0.3 else "while it trains"
        if when == "while it trains":
            command.until(_has_saved(killed))
            moment = draw.uniform(0, 0.5)
        else:
            moment = draw.uniform(0, 10)
        end = time.monotonic() + moment
        command.until(lambda end=end: time.monotonic() > end)
        if not command.is_running:
            break  # too few steps for so many kills
        target = _kill(command, draw)
        kills[f"{target}, {when}"] += 1
        before, saves = saves, _saves(killed)
        print(f"kill {kills.total()}: {target}, {when}; step {before} -> {saves}", flush=True)
    _finish(killed, words)
    (one,), (other,) = find_runs([whole]), find_runs([killed])
    resumed = other.log_file.read_text(encoding="utf-8").count("resumed")
    faults = list(_differences(one, other))
    if kills.total() < count:
        faults.append(f"the run ended after {kills.total()} kills")
    return {
        "trials": kills.total(),
        "outcomes": dict(sorted(kills.items())),
        "resumed": resumed,
        "faults": len(faults),
        "first_faults": faults,
    }


def _finish(folder: Path, words: list[str]) -> None:
    code, said = Command(folder, *words).end()
    if code != 0:
        raise RuntimeError(said)


def _has_saved(folder: Path) -> Callable[[], bool]:
    """Whether a checkpoint has been written since this call."""
    before = _time(folder)
    return lambda: _time(folder) > before


def _time(folder: Path) -> float:
    try:
        return max(run.last_checkpoint.stat().st_mtime for run in find_runs([folder]))
    except (ValueError, OSError):
        return 0.0


def _saves(folder: Path) -> int:
    """The optimiser step of the last checkpoint."""
    for run in find_runs([folder]):
        if run.last_checkpoint.is_file():
            position = torch.load(run.last_checkpoint, weights_only=True)["position"]
            return int(position["epoch"] * position["steps_per_epoch"] + position["step"])
    return 0


def _kill(command: Command, draw: random.Random) -> str:
    """SIGKILL; returns only when nothing of the command runs any more."""
    processes = descendants(command.pid)
    target = draw.choice(["the command", "one process", "all"] if processes else ["the command"])
    if target == "one process":
        os.kill(draw.choice(processes), signal.SIGKILL)
    elif target == "the command":
        command.signal(signal.SIGKILL)
    else:
        command.kill()
        return target
    command.end()
    if not all_end(processes, 120):  # an orphan that starts ends when it has started
        raise RuntimeError(f"processes of {command.pid} are left")
    return target


def _differences(one: RunDir, other: RunDir) -> Iterator[str]:
    for name in ("last_checkpoint", "best_checkpoint"):
        first, second = (torch.load(getattr(run, name), weights_only=True) for run in (one, other))
        for part in ("state_dict", "optimizer_states"):
            if not _same(first[part], second[part]):
                yield f"{part} of {getattr(one, name).name}"
    if not one.metrics().drop(columns=TIMES).equals(other.metrics().drop(columns=TIMES)):
        yield "metrics.csv"
    with (
        np.load(one.outputs_file("logits")) as ours,
        np.load(other.outputs_file("logits")) as theirs,
    ):
        if not np.array_equal(ours["logits"], theirs["logits"]):
            yield "outputs of the test set"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def main() -> None:
    """Torture, print, record; exit code 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cnnlab-torture-") as folder:
        found = two_device_kills(Path(folder), options.count, options.seed)
    command = f"python -m torture.two_device_kills --count {options.count} --seed {options.seed}"
    ended = {"seconds": round(time.monotonic() - began, 1), "python": sys.version.split()[0]}
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"command": command, **found, **ended}, indent=1)
    RECORD.write_text(text + "\n", encoding="utf-8")
    print(text)
    sys.exit(1 if found["faults"] else 0)


if __name__ == "__main__":
    main()
