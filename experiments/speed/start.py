"""How long a whole short command takes, beside the imports that it cannot do without.

``CNNLAB_DATA=DIR python experiments/speed/start.py`` trains one epoch of the MLP on MNIST, imports
and folders included, in turns with ``python -c "import lightning.pytorch, hydra"``, and writes
start.json beside this file. Of each it takes the processor's time, user and system, which other
programs on the machine disturb least, and the wall time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from cnnlab.training.environment import device_name

IMPORTS = [sys.executable, "-c", "import lightning.pytorch, hydra"]
TRAIN = [sys.executable, "-m", "cnnlab", "train", "model=mlp", "data=mnist", "trainer.epochs=1"]


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Seconds of the processor and of the wall.

    Raises:
        RuntimeError: the command fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times: dict[str, list[tuple[float, float]]] = {"imports": [], "train": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            times["imports"].append(measure(IMPORTS))
            times["train"].append(measure([*TRAIN, f"runs_dir={folder}/{number}"]))
    cpu = {name: [cpu for cpu, _ in taken] for name, taken in times.items()}
    wall = {name: [wall for _, wall in taken] for name, taken in times.items()}
    ratios = [own / imports for own, imports in zip(cpu["train"], cpu["imports"], strict=True)]
    record = {
        "command": " ".join(["cnnlab", *TRAIN[3:]]),
        "device": device_name(torch.device("cpu")),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "rounds": rounds,
        "cpu_seconds": {name: round(statistics.median(taken), 2) for name, taken in cpu.items()},
        "wall_seconds": {name: round(statistics.median(taken), 2) for name, taken in wall.items()},
        "cpu_ratio": {
            "median": round(statistics.median(ratios), 2),
            "least": round(min(ratios), 2),
            "most": round(max(ratios), 2),
        },
    }
    text = json.dumps(record, indent=1)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
