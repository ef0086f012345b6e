"""The summary of a training command: where the runs are, their results, what failed."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cnnlab.metrics import metric_of, show_scores
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import state_of
from cnnlab.terminal import console
from cnnlab.text import first_line, precision_option

PARTIAL = "; measured on a sample of the images (trainer.max_eval_steps)"


def print_outcome(runs: Sequence[RunDir]) -> bool:
    """Print it; whether every run is done."""
    failed = [run for run in runs if not run.is_done]
    out = console()
    if len(runs) == 1 and not failed:
        try:
            _print_one(runs[0], out)
        except KeyError as error:  # of a result that was edited by hand
            print(f"{runs[0].result_file}: {error} is missing")
    elif runs:
        out.print(f"{len(runs) - len(failed)} of {len(runs)} runs done")
    if failed:
        out.print("not finished:")
        for run in failed:
            state, status = state_of(run)
            reason = first_line(status.get("error") or "")
            said = Text.assemble(run.name, "  ", (state, "red"), f"  {reason}".rstrip())
            out.print(Padding(said, (0, 0, 0, 2), expand=False))
        print(f"details in status.json and log.txt of each run: {failed[0]}")
    for folder in dict.fromkeys(run.path.parent for run in runs if run.is_done):
        if len(runs) > 1:
            print(f"cnnlab compare {folder}")
    return not failed


def _print_one(run: RunDir, out: Console) -> None:
    result = run.result()
    metric = metric_of(result)
    validation = f"validation {metric.label} {metric.show(result[f'val_{metric.column}'])}"
    if "num_test" in result:
        images = f"({result['num_test']:,} images), at epoch {result['best_epoch']}"
        scores = f"test {show_scores(result, 'test')} {images} with {validation}"
    else:  # trainer.test=false
        scores = f"not tested; {validation} at epoch {result['best_epoch']}"
    precision = precision_option(result["precision"])
    out.print(
        f"{scores}; {result['train_seconds']:.1f} s of training on {result['accelerator']}, "
        f"precision {precision}{PARTIAL if result.get('partial') else ''}",
        markup=False,
    )
    print(run.path)
