"""What README.md beside this file says of speed, measured on this machine; or that page alone.

CNNLAB_DATA=DIR python experiments/speed/measure.py                # every part, on an idle machine
CNNLAB_DATA=DIR python experiments/speed/measure.py mlp tune       # some of them
CNNLAB_DATA=DIR python experiments/speed/measure.py lenet5_gpu resnet18_gpu   # on a GPU
python experiments/speed/measure.py --page                         # from the JSON files

Each part is a command that writes a JSON file; what it says is kept when another part fails.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BENCH = [sys.executable, "-m", "cnnlab", "bench"]
CIFAR10 = ["data=cifar10", "data.subset=5000"]  # of 45,000 images: an epoch of a minute
BARE = {
    "lenet5": ["model=lenet5", "data=mnist"],
    "mlp": ["model=mlp", "data=mnist"],
    "resnet20": ["model=resnet20", *CIFAR10],
}
GPU = {
    "lenet5_gpu": [*BARE["lenet5"], "trainer.accelerator=gpu", "--epochs", "3"],
    "resnet18_gpu": ["model=resnet18", "data=cifar10", "batch_size=512", "trainer.accelerator=gpu"],
}
NATIVE = ["data=synthetic", "data.size=32", "data.channels=3", "data.num_train=4992"]
FILES = {
    **{name: f"bare_{name}.json" for name in (*BARE, *GPU)},
    "usual": "usual_mlp.json",
    "tune": "tune_resnet20.json",
    "tune_bf16": "tune_resnet20_bf16.json",
    "step": "step.json",
    "augmentation": "augmentation.json",
    "waiting": "waiting.json",
    "start": "start.json",
}
OTHERS = {  # pages of their own: file -> what it answers
    "../packed_photographs/README.md": "photographs packed once, against decoding in every epoch",
    "../cpu_recipes/results.md": "mnist_99_cpu and cifar10_cpu, beside the usual way",
    "../cifar10_94/gpu.md": "cifar10_94 on a GPU, beside a bare loop and the author's script",
    "../cifar10_94/results.md": "what each ingredient of cifar10_94 is for",
}

INTRODUCTION = """# Speed

Written by `python experiments/speed/measure.py`; what the columns are:
[docs/speed.md](../../docs/speed.md). Ratios are medians over rounds in which the contenders
alternate, with the least and the largest. A GPU was there for a quarter of an hour: its rows are
of the revision before last.ckpt was written less often, and its machine also ran a benchmark on
two other cores. `trainer.compile` and photographs were not measured on it.""".splitlines()


def command(part: str) -> list[str]:
    """The command that writes the JSON file of a part."""
    if part in ("augmentation", "waiting", "start"):
        return [sys.executable, str(HERE / f"{part}.py")]
    words = {
        **{name: ["--against", "bare", *words] for name, words in (BARE | GPU).items()},
        "usual": ["--against", "usual"],
        "tune": ["--tune", "model=resnet20", "data=cifar10"],
        "tune_bf16": ["--tune", "model=resnet20", *NATIVE, "--minutes", "1.7"],
        "step": ["--sweep", "model=mlp,lenet5,alexnet,resnet20", "data=cifar10"],
    }
    return [*BENCH, *words[part], "--json", str(HERE / FILES[part])]


def shown(part: str) -> str:
    """The command as a person types it."""
    words = command(part)
    if words[: len(BENCH)] == BENCH:
        return " ".join(["cnnlab", "bench", *words[len(BENCH) : -2]])
    return f"python experiments/speed/{part}.py"


def table(headings: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A markdown table, its first column on the left."""
    yield f"| {' | '.join(headings)} |"
    yield "|--|" + "--:|" * (len(headings) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def ratio(found: dict[str, Any]) -> str:
    """The median of the rounds' ratios, with the range over rounds."""
    return f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def epochs(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Whole epochs beside a bare loop and beside the usual way."""
    rows = []
    for part in (*BARE, "usual", *GPU):
        if part in found:
            own = found[part]
            names = f"{own['ratio']['numerator']} / {own['ratio']['denominator']}"
            numbers = [ratio(own["ratio"]), ratio(own["control"]), str(own["ratio"]["n"])]
            device = own["machine"].partition(",")[0]
            rows.append([own["workload"], device, names, *numbers])
    yield from table(["one epoch of", "on", "", "ratio", "bare against itself", "rounds"], rows)


def tuned(found: dict[str, Any]) -> Iterator[str]:
    """Every combination that ``--tune`` has measured; ratios are of the same rounds."""
    (tuning,) = found["tunings"]
    rows = []
    for trial in tuning["trials"]:
        options = " ".join(f"{key}={value}" for key, value in trial["options"].items())
        if trial["failed"]:
            rows.append([options, str(trial["threads"]), trial["failed"], "", ""])
            continue
        speed, times = trial["images_per_second"]["median"], trial["times_plain"]
        apart = trial["agreement"]
        answer = "" if apart is None else f"{apart['top1']:.2%}"
        faster = "" if times is None else f"{times:.2f}"
        rows.append([options, str(trial["threads"]), f"{speed:,.0f}", faster, answer])
    headings = ["options", "threads", "images/s", "times plain", "same answer as in 32 bit"]
    yield from table(headings, rows)
    yield from ("", f"Chosen: {tuning['times_plain']:.2f} times plain. {tuning['machine']}.")


def steps(found: dict[str, Any]) -> Iterator[str]:
    """What a step's time goes to, model by model."""
    rows = []
    for report in found["rows"]:
        if "failed" in report:
            continue
        split = report["step_split"]
        parts = ("data", "forward", "backward", "optimizer", "framework")
        rows.append(
            [
                report["name"],
                f"{report['train_images_per_second']['median']:,.0f}",
                f"{1000 * report['step_seconds']['median']:.1f}",
                *(f"{split[part]:.1%}" for part in parts),
                f"{report['train_share_of_peak']:.0%}",
            ]
        )
    headings = ["model", "images/s", "step, ms", "data", "forward", "backward", "optimizer"]
    yield from table([*headings, "framework", "of the machine's peak"], rows)


def augmentation(found: dict[str, Any]) -> Iterator[str]:
    """Augmented batches on one core."""
    rows = [
        [
            f"{row['batch_size']}",
            f"{row['cnnlab_images_per_second']:,}",
            f"{row['torchvision_images_per_second']:,}",
            f"{row['times_faster']} ({row['least']} to {row['most']})",
        ]
        for row in found["measured"]
    ]
    yield from table(["batch", "cnnlab, images/s", "torchvision, images/s", "times faster"], rows)


def waiting(found: dict[str, Any]) -> Iterator[str]:
    """Steps by how long a thread keeps its core while it waits."""
    measured = {(row["machine"], row["model"], row["spin_count"]): row for row in found["measured"]}
    counts = sorted({count for *_, count in measured})
    rows = []
    for machine, model in dict.fromkeys(key[:2] for key in measured):
        cells = [measured[machine, model, count] for count in counts]
        times = [f"{c['median_ms']:.1f} ({min(c['ms']):.1f} to {max(c['ms']):.1f})" for c in cells]
        rows.append([f"{model}, {machine}", *times])
    yield (
        "Milliseconds of a step of 128 images, by the turns of a loop (GOMP_SPINCOUNT) for which a "
        "thread that waits keeps its core: 300,000 is the default of GNU's OpenMP, 2,000 what "
        "cnnlab sets where something else runs when it starts. "
        f"{found['threads']} threads on {found['cores']} cores; "
        f"n = {len(found['measured'][0]['ms'])}, median (least to most)."
    )
    yield ""
    yield from table(["", *(f"{count:,}" for count in counts)], rows)


def start(found: dict[str, Any]) -> Iterator[str]:
    """A whole short command beside its imports."""
    wall, cpu, times = found["wall_seconds"], found["cpu_seconds"], found["cpu_ratio"]
    yield (
        f"`{found['command']}`: {wall['train']:.1f} s on the clock, {cpu['train']:.1f} s of the "
        f'processor. `python -c "import lightning.pytorch, hydra"` alone: {wall["imports"]:.1f} '
        f"and {cpu['imports']:.1f} s. Ratio of processor time {times['median']} ({times['least']} "
        f"to {times['most']}, n = {found['rounds']}). {found['device']}, {found['cores']} cores, "
        f"load {found['load_average']}, torch {found['torch']}."
    )


def page() -> str:
    """README.md, of the JSON files that are there."""
    found = {
        part: json.loads((HERE / file).read_text())
        for part, file in FILES.items()
        if (HERE / file).exists()
    }
    lines = [*INTRODUCTION, "", "## Epochs beside other loops", "", *epochs(found), ""]
    bare = [found[part] for part in (*BARE, "usual", *GPU) if part in found]
    lines += [f"- {own['machine']}" for own in bare]
    sections = {
        "tune": ("The fastest way to compute", tuned),
        "tune_bf16": ("The same on a processor with native bfloat16", tuned),
        "step": ("What a step's time goes to", steps),
        "augmentation": ("Augmented CIFAR-10 batches on one core", augmentation),
        "waiting": ("Threads that wait", waiting),
        "start": ("From the command to the prompt", start),
    }
    for part, (title, section) in sections.items():
        if part in found:
            lines += ["", f"## {title}", "", *section(found[part]), "", f"`{shown(part)}`"]
    others = {at: title for at, title in OTHERS.items() if (HERE / at).exists()}
    if others:
        lines += ["", "## On pages of their own", ""]
        lines += [f"- [{title}]({at})" for at, title in others.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure parts, then write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(FILES))
    parser.add_argument("--page", action="store_true", help="write the page alone")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(FILES):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(FILES)}")
    failed = []
    usual = [part for part in FILES if part not in (*GPU, "tune_bf16")]  # of any machine
    for part in () if given.page else given.parts or usual:
        print(f"== {shown(part)}", file=sys.stderr, flush=True)
        if subprocess.run(command(part), check=False).returncode:
            failed.append(part)
    (HERE / "README.md").write_text(page())
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
