"""The summary of a training command: where the runs are, their results, what failed."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnlab.metrics import ACCURACY, metric_of
from cnnlab.runs.run_dir import RunDir


def print_outcome(runs: Sequence[RunDir]) -> bool:
    """Print it; whether every run is done."""
    failed = [run for run in runs if not run.is_done]
    console = Console()
    if len(runs) == 1 and not failed:
        _print_one(runs[0], console)
    elif runs:
        console.print(f"{len(runs) - len(failed)} of {len(runs)} runs done")
    if failed:
        table = Table("run", "state", "error", title="not done", title_justify="left")
        for run in failed:
            status = run.status()
            error = str(status.get("error") or "").partition("\n")[0]
            table.add_row(run.name, str(status.get("state", "not begun")), Text(error))
        console.print(table)
        console.print(f"each folder holds status.json and log.txt: {failed[0]}", soft_wrap=True)
    for folder in dict.fromkeys(run.path.parent for run in runs):
        if len(runs) > 1:
            print(f"cnnlab compare {folder}")
    return not failed


def _print_one(run: RunDir, console: Console) -> None:
    result = run.result()
    images = f"({result.get('num_test', 0):,} images), at epoch {result['best_epoch']}"
    if "num_test" not in result:  # trainer.test=false
        measure = metric_of(result)
        value = f"{measure.show(result[f'val_{measure.column}'])}"
        scores = f"not tested; validation {measure.name} {value} at epoch {result['best_epoch']}"
    elif metric_of(result) is ACCURACY:
        scores = (
            f"test accuracy {result['test_acc']:.2%}, macro-F1 {result['test_macro_f1']:.2%} "
            f"{images} with validation accuracy {result['val_acc']:.2%}"
        )
    else:
        scores = (
            f"test error {result['test_loss']:.5f} per pixel "
            f"{images} with validation error {result['val_loss']:.5f}"
        )
    console.print(
        f"{scores}; {result['train_seconds']:.1f} s of training in {result['precision']} "
        f"on {result['accelerator']}",
        highlight=False,
    )
    print(run.path)
