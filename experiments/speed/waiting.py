"""What threads that wait for each other cost: milliseconds of a training step by GOMP_SPINCOUNT.

GNU OpenMP, which torch uses on Linux, lets a thread that waits turn in a loop so many times before
it gives up its core. Measured on an idle machine and beside one process that keeps a core busy.

python experiments/speed/waiting.py [--rounds 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COUNTS = [0, 2000, 300_000]  # never, cnnlab's where others run, the default of GNU's OpenMP
STEPS = {"mlp": 200, "lenet5": 50, "resnet20": 5}
STEP = """
import json, sys, time
import torch
from torch.nn.functional import cross_entropy
from cnnlab import data, models
from cnnlab.training.malloc import keep_freed_memory
keep_freed_memory()
make = {
    "mlp": models.MLP,
    "lenet5": models.LeNet5,
    "resnet20": lambda spec: models.ResNet(spec, depth=20),
}
found = {}
for name, steps in json.loads(sys.argv[1]).items():
    torch.manual_seed(0)
    network = make[name](data.CIFAR10.spec)
    inputs, labels = torch.randn(128, 3, 32, 32), torch.randint(0, 10, (128,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=True)
    for step in range(3 + steps):
        if step == 3:
            start = time.perf_counter()
        optimizer.zero_grad()
        cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    found[name] = 1000 * (time.perf_counter() - start) / steps
print(json.dumps(found), torch.get_num_threads())
"""


def measure(count: int) -> tuple[dict[str, float], int]:
    """Milliseconds of a step of each model in a process of its own, and its threads."""
    environment = {**os.environ, "GOMP_SPINCOUNT": str(count)}
    words = [sys.executable, "-c", STEP, json.dumps(STEPS)]
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    found, threads = done.stdout.rsplit(" ", 1)
    return json.loads(found), int(threads)


def main() -> None:
    """Measure in rounds that alternate, and write waiting.json."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    rows, threads = [], 0
    for beside in ("idle", "one busy process beside"):
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        if beside == "idle":
            busy.kill()
        try:
            found: dict[int, list[dict[str, float]]] = {count: [] for count in COUNTS}
            for _ in range(rounds):
                for count in COUNTS:
                    each, threads = measure(count)
                    found[count].append(each)
        finally:
            busy.kill()
        for count, each_round in found.items():
            for model in STEPS:
                times = [round(each[model], 2) for each in each_round]
                row = {"machine": beside, "spin_count": count, "model": model}
                rows.append({**row, "median_ms": statistics.median(times), "ms": times})
    report = {"cores": os.cpu_count(), "threads": threads, "batch": 128, "measured": rows}
    (HERE / "waiting.json").write_text(json.dumps(report, indent=1) + "\n")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
