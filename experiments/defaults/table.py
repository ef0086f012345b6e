"""From a sweep of learning rates to results.csv, results.md and rates.png, beside this file.

``python experiments/defaults/table.py runs/rates`` reads the runs; without the folder it reads
results.csv, which has a row for each run.
"""

import json
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import yaml

from cnnlab.discovery import discover
from cnnlab.registry import MODELS
from cnnlab.training.optim import SGD_LR, SGD_LR_NORMALIZED

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter, ScalarFormatter

HERE = Path(__file__).parent
discover()
GROUPS = {  # a sweep's folder: its title, and the default that was chosen
    "unnormalized": ("networks without normalisation", SGD_LR),
    "normalized": ("networks with normalisation", SGD_LR_NORMALIZED),
    "mlp": ("mlp, with its own rate", MODELS["mlp"].sgd_lr),
    "lenet5_1998": ("lenet5_1998, with its own rate", MODELS["lenet5_1998"].sgd_lr),
}


def read_runs(sweeps: Path) -> pd.DataFrame:
    """A row per run: its validation accuracy in %, 0 where it diverged. No test image was read."""
    rows = []
    for file in sorted(sweeps.glob("*/*/status.json")):
        config = yaml.safe_load((file.parent / "config.yaml").read_text())
        result = file.parent / "result.json"
        if result.exists():
            accuracy = json.loads(result.read_text())["val_acc"]
        elif json.loads(file.read_text())["state"] == "diverged":
            accuracy = 0.0
        else:
            sys.exit(f"{file.parent} is not finished")
        rows.append(
            {
                "group": file.parents[1].name,
                "network": file.parent.name.partition("_lr")[0].replace("_digits", ""),
                "lr": config["optim"]["lr"],
                "seed": config["seed"],
                "val_acc": round(100 * accuracy, 2),
            }
        )
    return pd.DataFrame(rows)


def table(runs: pd.DataFrame, default: float | None) -> list[str]:
    """Markdown: a row per network, a column per rate, mean ± SD over the seeds."""
    rates = sorted(runs["lr"].unique())
    heads = [f"**{rate:g}**" if rate == default else f"{rate:g}" for rate in rates]
    lines = [f"| network | {' | '.join(heads)} |", "|--|" + "--:|" * len(rates)]
    for network, own in runs.groupby("network", sort=False):
        cells = []
        for rate in rates:
            values = own[own["lr"] == rate]["val_acc"]
            n = "" if len(values) == 3 else f" (n={len(values)})"
            cells.append(f"{values.mean():.2f} ± {values.std():.2f}{n}" if len(values) else "")
        lines.append(f"| {network} | {' | '.join(cells)} |")
    return lines


def draw(runs: pd.DataFrame, file: Path) -> None:
    """Validation accuracy against the rate: mean as a line, each seed as a dot."""
    figure, panels = plt.subplots(
        1, len(GROUPS), figsize=(18, 5), sharey=True, layout="constrained"
    )
    for axes, (group, (title, default)) in zip(panels, GROUPS.items(), strict=True):
        own = runs[runs["group"] == group]
        for network, rows in own.groupby("network", sort=False):
            means = rows.groupby("lr")["val_acc"].mean()
            (line,) = axes.plot(means.index, means, label=network)
            axes.plot(rows["lr"], rows["val_acc"], "o", markersize=4, color=line.get_color())
        axes.axvline(default, color="0.6", linestyle="--", zorder=0, label="default")
        axes.set_xscale("log")
        axes.set_xticks(sorted(own["lr"].unique()))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(title=title, xlabel="learning rate (SGD, momentum 0.9)", ylim=(20, 101))
        axes.legend(loc="lower left", fontsize=8)
    panels[0].set_ylabel("validation accuracy, 300 images (%)")
    figure.suptitle("8x8 digits, 10 epochs, cosine with a warm-up: mean (line) and seeds (dots)")
    figure.savefig(file, dpi=120)


def main() -> None:
    if len(sys.argv) > 1:
        read_runs(Path(sys.argv[1])).to_csv(HERE / "results.csv", index=False)
    runs = pd.read_csv(HERE / "results.csv")
    lines = []
    for group, (title, default) in GROUPS.items():
        own = runs[runs["group"] == group]
        lines += [f"**{title}**", "", *table(own, default), ""]
    (HERE / "results.md").write_text("\n".join(lines).rstrip() + "\n")
    draw(runs, HERE / "rates.png")


if __name__ == "__main__":
    main()
