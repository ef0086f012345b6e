"""cifar10_94 on a GPU: accuracy and seconds over seeds, beside a bare loop and the author's script.

CNNLAB_DATA=DIR python experiments/cifar10_94/measure.py                # ratio, bare and command
python experiments/cifar10_94/measure.py compiled --seeds 3             # with trainer.compile=true
python experiments/cifar10_94/measure.py record --script AIRBENCH94_MUON.PY
python experiments/cifar10_94/measure.py --page                         # from the JSON file

Each part is written to gpu.json as it ends. The author's script is not part of this repository.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import bare
import torch

from cnnlab.app.compose import compose
from cnnlab.bench.against import time_ours
from cnnlab.bench.timing import alternate, now, ratio
from cnnlab.bench.workload import Workload, load_workload
from cnnlab.compare.statistics.summary import summarize
from cnnlab.data.dataset import Images
from cnnlab.training.environment import device_name
from cnnlab.training.isolation import isolated

HERE = Path(__file__).parent
RESULTS = HERE / "gpu.json"
RECIPE = "experiment=cifar10_94"
PARTS = ("ratio", "bare", "command")
PUBLISHED = 2.59  # seconds on an A100, by the author's README: 94.01 % over 200 seeds


class Bench:
    """The recipe's images on the device, and a bare loop over them."""

    def __init__(self, words: list[str]) -> None:
        self.words = [RECIPE, *words]
        self.workload: Workload = load_workload(compose(self.words))
        config = self.workload.config
        self.device = torch.device("cpu" if config.trainer.accelerator == "cpu" else "cuda")
        self.dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        splits = self.workload.splits
        self.train, self.val = splits.train.to(self.device), splits.val.to(self.device)

    def bare(self, seed: int) -> tuple[torch.nn.Module, float]:
        config = self.workload.config
        return bare.train(
            self.train,
            self.workload.dataset.spec,
            widths=tuple(config.model["widths"]),
            epochs=config.epochs,
            batch_size=config.batch_size,
            label_smoothing=config.loss["label_smoothing"],
            options=config.optim,
            seed=seed,
            device=self.device,
            dtype=self.dtype,
        )

    def accuracy(self, model: torch.nn.Module, images: Images) -> float:
        return bare.accuracy(model, images, self.workload.dataset.spec, self.dtype)


def ratios(bench: Bench, rounds: int) -> dict[str, Any]:
    """Training and one validation, ours and bare in turns."""
    seed = bench.workload.config.seed

    @isolated()
    def ours() -> float:
        return time_ours(bench.workload.assemble(), bench.workload)

    @isolated()
    def plain() -> float:
        begin = now(bench.device)
        model, _ = bench.bare(seed)
        bench.accuracy(model, bench.val)
        return now(bench.device) - begin

    found = list(alternate({"ours": ours, "bare": plain, "bare again": plain}, rounds))
    return {
        "seconds": found,
        "ratio": vars(ratio(found, "ours", "bare")),
        "control": vars(ratio(found, "bare again", "bare")),
    }


def command(bench: Bench, seeds: int) -> list[dict[str, Any]]:
    """The ordinary command over seeds, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*bench.words, f"seed=range({seeds})", f"runs_dir={folder}"]
        subprocess.run([sys.executable, "-m", "cnnlab", "train", "-m", *words], check=True)
        results = [json.loads(file.read_text()) for file in Path(folder).rglob("result.json")]
    kept = ("seed", "test_acc", "val_acc", "train_seconds", "precision", "steps", "commit")
    return [{key: row[key] for key in kept} for row in sorted(results, key=lambda r: r["seed"])]


def bare_seeds(bench: Bench, seeds: int) -> list[dict[str, Any]]:
    """The bare loop over seeds, after one that is left out."""
    test = bench.workload.splits.test.to(bench.device)
    rows = []
    for seed in range(-1, seeds):
        model, seconds = bench.bare(max(seed, 0))
        found = bench.accuracy(model, test)
        if seed >= 0:
            rows.append({"seed": seed, "test_acc": found, "train_seconds": seconds})
    return rows


def record(bench: Bench, seeds: int, script: Path) -> list[dict[str, Any]]:
    """The author's script, its network compiled by default and all 50,000 images."""
    spec = importlib.util.spec_from_file_location("record", script)
    assert spec is not None
    assert spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    sys.argv[0] = str(script)  # it reads itself
    spec.loader.exec_module(theirs)
    clock: dict[str, float] = {}
    theirs.print_training_details = lambda found, **_: clock.update(seconds=found["time_seconds"])
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        Path("cifar10").mkdir()
        splits = bench.workload.splits
        train = Images(
            torch.cat([splits.train.pixels, splits.val.pixels]),
            torch.cat([splits.train.labels, splits.val.labels]),
        )
        for name, images in (("train", train), ("test", splits.test)):
            saved = {"images": images.pixels.permute(0, 2, 3, 1), "labels": images.labels}
            torch.save({**saved, "classes": None}, f"cifar10/{name}.pt")
        model = theirs.CifarNet().cuda().to(memory_format=torch.channels_last)
        model.compile()
        theirs.main("warmup", model)
        rows = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            found = theirs.main(seed, model)
            rows.append({"seed": seed, "test_acc": found, "train_seconds": clock["seconds"]})
        os.chdir(before)
    return rows


def add(part: str, found: Any, bench: Bench) -> None:
    """Write a part, beside those that are there."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda}
    results[part] = {"device": device_name(bench.device), **versions, "found": found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(part, json.dumps(found), flush=True)


def page(results: dict[str, Any]) -> str:
    """Markdown: accuracy and seconds of each way, then the ratio."""
    titles = {
        "command": "`cnnlab train experiment=cifar10_94`, 45,000 images, 9 epochs",
        "compiled": "the same with `trainer.compile=true`",
        "bare": "the bare loop, 45,000 images, 9 epochs",
        "record": "the author's script, compiled by default, 50,000 images, 8 epochs",
    }
    lines = [
        *("# cifar10_94 on a GPU", ""),
        "| | n | test accuracy, % | training, s: median (least to most) |",
        "|--|--:|--:|--:|",
    ]
    for part, title in titles.items():
        if part in results:
            rows = results[part]["found"]
            right = summarize([100 * row["test_acc"] for row in rows], (0, 100))
            times = [row["train_seconds"] for row in rows]
            accuracy = f"{right.mean:.2f} ± {right.sd:.2f} ({right.low:.2f} to {right.high:.2f})"
            seconds = f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"
            lines.append(f"| {title} | {right.n} | {accuracy} | {seconds} |")
    lines.append(f"| the author's README, on an A100 | 200 | 94.01 | {PUBLISHED} |")
    lines += ["", "Mean ± SD (95 % t interval of the mean)."]
    if "ratio" in results:
        found = results["ratio"]["found"]
        shown = [
            f"{found[key]['median']:.2f} ({found[key]['low']:.2f} to {found[key]['high']:.2f})"
            for key in ("ratio", "control")
        ]
        lines[-1] += (
            f" Training and one validation, in turns in one process, {len(found['seconds'])} "
            f"rounds: ours / bare {shown[0]}, the bare loop against itself {shown[1]}."
        )
    machines = {f"{part['device']}, torch {part['torch']}" for part in results.values()}
    return "\n".join([*lines, "", "; ".join(sorted(machines)) + "."]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", help=f"of {', '.join((*PARTS, 'compiled', 'record'))}")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--script", type=Path, help="the author's airbench94_muon.py")
    parser.add_argument("--page", action="store_true", help="write gpu.md from gpu.json alone")
    parser.add_argument("--words", nargs="*", default=[], help="more options of cnnlab train")
    given = parser.parse_args()
    for part in () if given.page else given.parts or PARTS:
        bench = Bench([*given.words, *["trainer.compile=true"] * (part == "compiled")])
        if part == "ratio":
            add(part, ratios(bench, given.rounds), bench)
        elif part == "bare":
            add(part, bare_seeds(bench, given.seeds), bench)
        elif part == "record":
            add(part, record(bench, given.seeds, given.script), bench)
        else:
            add(part, command(bench, given.seeds), bench)
    text = page(json.loads(RESULTS.read_text()))
    (HERE / "gpu.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
