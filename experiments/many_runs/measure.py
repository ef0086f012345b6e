"""How long 1,000 runs take to compare and to report: written by a seed, without training.

python experiments/many_runs/measure.py          # prints, and writes many_runs.json beside it
"""

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cnnlab.app.compose import compose
from cnnlab.runs.run_dir import RunDir

HERE = Path(__file__).parent
MODELS = ("mlp", "lenet5", "alexnet", "resnet20")
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCHES = (32, 64, 128, 256, 512)
SEEDS = range(5)  # 4 x 10 x 5 configurations x 5 seeds = 1,000 runs
EPOCHS, IMAGES, CLASSES = 30, 1000, 10


def write_runs(top: Path) -> int:
    """Write the runs of a grid as training leaves them, but for checkpoints; their number."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, IMAGES)
    grid = list(itertools.product(MODELS, RATES, BATCHES, SEEDS))
    configs = {model: compose([f"model={model}"]).to_dict() for model in MODELS}
    for model, lr, batch_size, seed in grid:
        config = configs[model] | {"seed": seed, "batch_size": batch_size}
        config["optim"] = config["optim"] | {"lr": lr}
        run = RunDir(top / f"{model}_lr{lr}_batch_size{batch_size}_seed{seed}")
        run.path.mkdir(parents=True)
        run.write_config(config)
        identity = {"group": f"{model} {lr} {batch_size}", "sources": {"model": "v1", "data": "v1"}}
        run.update_status(state="done", identity=identity, choices={"model": model})
        truth = 0.98 - 0.01 * MODELS.index(model) - 0.01 * np.log10(lr / 0.05) ** 2
        right = random.random(IMAGES) < truth
        logits = random.normal(size=(IMAGES, CLASSES)).astype(np.float32)
        logits[np.arange(IMAGES), np.where(right, labels, (labels + 1) % CLASSES)] += 8
        np.savez(run.outputs_file("logits"), logits=logits, labels=labels)
        _curve(random, truth).to_csv(run.metrics_file, index=False)
        run.write_result(_result(random, model, seed, float(np.mean(logits.argmax(1) == labels))))
    return len(grid)


def _curve(random: np.random.Generator, truth: float) -> pd.DataFrame:
    epochs = np.arange(1, EPOCHS + 1)
    accuracy = truth - 0.5 * np.exp(-epochs / 4) + random.normal(0, 0.003, EPOCHS)
    columns = {"epoch": epochs, "val_acc": accuracy, "val_loss": 1 - accuracy}
    return pd.DataFrame(columns | {"seconds": random.uniform(1, 2, EPOCHS)})


def _result(random: np.random.Generator, model: str, seed: int, accuracy: float) -> dict[str, Any]:
    size = MODELS.index(model) + 1
    return {
        "model": model,
        "data": "mnist5k",
        "task": "classify",
        "metric": "accuracy",
        "seed": seed,
        "params": 60_000 * size,
        "macs": 400_000 * size**2,
        "val_acc": accuracy + random.normal(0, 0.002),
        "test_acc": accuracy,
        "test_loss": 1 - accuracy,
        "num_test": IMAGES,
        "train_seconds": float(random.uniform(40, 50)) * size,
        "images_per_second": 4000.0 / size,
        "latency_seconds": 0.001 * size,
        "accelerator": "cpu",
        "device": "a processor",
        "torch": "2.14.1",
        "split": "0123456789ab",
    }


def seconds(*command: str) -> dict[str, float]:
    """Of a whole process, on the clock and of the processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    user = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.perf_counter() - start, 1), "processor_seconds": round(user, 1)}


def main() -> None:
    cnnlab = str(Path(sys.executable).with_name("cnnlab"))
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs" / "many"
        found: dict[str, Any] = {"runs": write_runs(runs)}
        for command in ("compare", "report"):
            found[command] = seconds(cnnlab, command, str(runs))
        page = runs / "comparison" / "report.html"
        found["report"]["megabytes"] = round(page.stat().st_size / 1e6, 2)
    text = json.dumps(found, indent=1)
    (HERE / "many_runs.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
