"""What each ingredient of cifar10_94 is for: a cut-down run with all of them, and without each.

python experiments/cifar10_94/ablation.py              # runs what is missing, then writes the table
python experiments/cifar10_94/ablation.py --table      # the table alone, from results.csv

Widths of 16, 32 and 32, 10,000 training images, 8 epochs of 40 steps, on a CPU; judged on the 5,000
validation images. The test images are not read. Finished runs are kept, so that the same command
goes on after an interruption.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from cnnlab.compare.statistics.summary import summarize

HERE = Path(__file__).parent
RUNS = "runs/cifar10_94"
ALL = "all of them"
CUT = (
    *("experiment=cifar10_94", "model.widths=[16,32,32]", "data.subset=10000", "batch_size=250"),
    *("optim.sgd_lr=4", "optim.sgd_weight_decay=1.2e-4", "trainer.epochs=8", "trainer.val_every=8"),
    *("trainer.accelerator=cpu", "trainer.test=false"),
)
SGD = (  # the recipe without its optimiser: SGD for the kernels too, all else at the same rates
    *("model=airbench", "data=cifar10", "schedule=linear", "loss.label_smoothing=0.2"),
    *("data.augment.crop=2", "data.augment.padding=reflect", "data.augment.flip=alternating"),
    *("trainer.checkpoint=last", "trainer.tta=flip_shift", "optim=sgd", "optim.lr=0.3"),
    *("optim.momentum=0.85", "optim.nesterov=true", "optim.weight_decay=1e-5"),
    "optim.lr_factors={*.bias:13.3,classifier.*:168}",
)
OWN = ("experiment", "optim.sgd_lr", "optim.sgd_weight_decay")  # what it has not
VARIANTS = {
    ALL: (),
    "kernels of the first layer trained, not whitened": ("model.whitening=false",),
    "SGD in place of Muon": SGD,
    "no label smoothing": ("loss.label_smoothing=0",),
    "flips at random": ("data.augment.flip=true",),
    "no flips": ("data.augment.flip=false",),
    "no crops": ("data.augment.crop=0", "data.augment.padding=black"),
    "views of a test image: the mirror image alone": ("trainer.tta=flip",),
    "no test-time augmentation": ("trainer.tta=none",),
    "with an average of the weights (EMA)": ("callbacks=[ema]", "callbacks.ema.decay=0.95"),
    "with lookahead": ("callbacks=[lookahead]",),
}


def words(variant: str, more: list[str]) -> list[str]:
    """The options of a variant; of the same option the last counts."""
    changes = VARIANTS[variant]
    kept = [w for w in CUT if "optim=sgd" not in changes or w.partition("=")[0] not in OWN]
    return list({w.partition("=")[0]: w for w in (*kept, *changes, *more)}.values())


def run(seeds: int, more: list[str]) -> pd.DataFrame:
    """Train what is missing; a row per run."""
    rows = []
    for number, variant in enumerate(VARIANTS):
        folder = Path(f"{RUNS}_tried" if more else RUNS, str(number))
        seed = f"seed={','.join(map(str, range(seeds)))}"
        where = [f"runs_dir={folder.parent}", f"sweep.name={number}"]
        command = [str(Path(sys.executable).with_name("cnnlab")), "train", "-m"]
        subprocess.run([*command, *words(variant, more), seed, *where], check=True)
        for file in sorted(folder.glob("*/result.json")):
            result = json.loads(file.read_text())
            rows.append({"variant": variant, "seed": result["seed"], "val_acc": result["val_acc"]})
    return pd.DataFrame(rows).sort_values(["variant", "seed"], key=_order)


def _order(column: pd.Series) -> pd.Series:
    return column.map(list(VARIANTS).index) if column.name == "variant" else column


def table(rows: pd.DataFrame) -> str:
    """Markdown: accuracy of each variant, and its difference from the whole over common seeds."""
    whole = rows[rows["variant"] == ALL].set_index("seed")["val_acc"]
    lines = [
        "| | n | validation accuracy, % | difference, points (95 % interval) |",
        "|--|--:|--:|--:|",
    ]
    for variant, own in rows.groupby("variant", sort=False):
        accuracy = summarize(100 * own["val_acc"], (0, 100))
        difference = (100 * (own.set_index("seed")["val_acc"] - whole)).dropna()
        change = summarize(difference.tolist())
        shown = f"{change.mean:+.2f} ({change.low:+.2f} to {change.high:+.2f})"
        if variant == ALL:
            shown = ""
        mean = f"{accuracy.mean:.2f} ± {accuracy.sd:.2f}"
        lines.append(f"| {variant} | {accuracy.n} | {mean} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--words", nargs="*", default=[], help="more options of cnnlab train")
    given = parser.parse_args()
    if not given.table:
        run(given.seeds, given.words).to_csv(HERE / "results.csv", index=False)
    text = table(pd.read_csv(HERE / "results.csv"))
    (HERE / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
