"""The recipes for a CPU beside the usual way in the same time, every process timed from its start.

python experiments/cpu_recipes/measure.py                  # all seeds that are not there yet
python experiments/cpu_recipes/measure.py mnist_99_cpu --seeds 5
python experiments/cpu_recipes/measure.py --page           # the page alone, from results.json

Each run is written to results.json as it ends; the same command goes on with those that are
missing. On an idle machine: the time is that of the clock.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from cnnlab.compare.statistics.summary import summarize
from cnnlab.training.environment import device_name

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
RECIPES = {"mnist_99_cpu": ("mnist", 5), "cifar10_cpu": ("cifar10", 3)}  # data, seeds
Rows = list[dict[str, Any]]


def recipe(name: str, seed: int, words: list[str]) -> dict[str, Any]:
    """One run of a recipe in a process and a folder of its own."""
    command = [str(Path(sys.executable).with_name("cnnlab")), "train", f"experiment={name}"]
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        subprocess.run(
            [*command, f"seed={seed}", f"runs_dir={folder}", *words],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - begin
        (file,) = Path(folder).rglob("result.json")
        result = json.loads(file.read_text())
    kept = ("val_acc", "test_acc", "steps", "train_seconds", "precision", "commit")
    return {"seconds": seconds, **{key: result.get(key) for key in kept}}


def usual(data: str, seed: int, seconds: float) -> dict[str, Any]:
    """The usual way, in a process of its own that lasts about as long."""
    command = [sys.executable, str(HERE / "usual.py"), data, f"{seconds:.1f}", "--seed", str(seed)]
    command += ["--begun", str(time.time())]
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, "seconds": time.perf_counter() - begin}


def machine() -> dict[str, Any]:
    return {
        "device": device_name(torch.device("cpu")),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1),
    }


def read() -> Rows:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def add(rows: Rows, **row: Any) -> None:
    """Write the rows with one more, whole at any time."""
    rows.append(row)
    draft = RESULTS.with_suffix(".tmp")
    draft.write_text(json.dumps(rows, indent=1) + "\n")
    draft.replace(RESULTS)
    print(json.dumps(row), flush=True)


def of(rows: Rows, name: str, way: str) -> Rows:
    return [row for row in rows if (row["recipe"], row["way"]) == (name, way)]


def measure(name: str, seeds: int, words: list[str]) -> None:
    data, _ = RECIPES[name]
    for seed in range(seeds):
        for way in ("recipe", "usual"):  # in turn, so that both see the same machine
            rows = read()
            if any(row["seed"] == seed for row in of(rows, name, way)):
                continue
            before = machine()
            if way == "recipe":
                found = recipe(name, seed, words)
            else:
                (own,) = (row for row in of(rows, name, "recipe") if row["seed"] == seed)
                found = usual(data, seed, own["seconds"])
            add(rows, recipe=name, way=way, seed=seed, **found, **before)


def interval(values: list[float], bounds: tuple[float, float], scale: float) -> str:
    """Mean, SD and 95 % t interval, as the page has them."""
    found = summarize(values, bounds)
    mean = f"{scale * found.mean:.2f}"
    if found.n == 1:
        return f"{mean} (n=1)"
    low, high = scale * found.low, scale * found.high
    return f"{mean} ± {scale * found.sd:.2f} ({low:.2f} to {high:.2f})"


def page(rows: Rows) -> str:
    lines = [
        "| recipe | n | test accuracy, % | seconds, start-up included | images trained on |",
        "|--|--:|--:|--:|--:|",
    ]
    titles = {"recipe": "`cnnlab train experiment={}`", "usual": "the usual way, as long"}
    for name in RECIPES:
        for way, title in titles.items():
            own = of(rows, name, way)
            if own:
                accuracy = interval([row["test_acc"] for row in own], (0, 1), 100)
                seconds = interval([row["seconds"] for row in own], (0, float("inf")), 1)
                seen = {row.get("images") for row in own} - {None}
                images = f"{min(seen):,} to {max(seen):,}" if seen else f"{own[0]['steps']:,} steps"
                words = (title.format(name), str(len(own)), accuracy, seconds, images)
                lines.append(f"| {' | '.join(words)} |")
    machines = {
        f"{row['device']}, {row['cores']} cores, {row['threads']} threads, torch {row['torch']}"
        for row in rows
    }
    loads = [row["load"] for row in rows]
    lines += ["", "Mean ± SD (95 % t interval of the mean). " + "; ".join(sorted(machines)) + "."]
    lines += [f"Load of the machine before each run: {min(loads)} to {max(loads)}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipes", nargs="*", choices=[*RECIPES, []], default=[])
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--words", nargs="*", default=[], help="more options of cnnlab train")
    given = parser.parse_args()
    if not given.page:
        for name in given.recipes or RECIPES:
            measure(name, given.seeds or RECIPES[name][1], given.words)
    text = page(read())
    (HERE / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
