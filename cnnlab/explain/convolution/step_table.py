"""The steps of a sliding window as a table on the terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnlab.explain.convolution.matrix import as_text, number
from cnnlab.explain.convolution.placement import kept_share, size_arithmetic
from cnnlab.explain.convolution.sliding import Sliding, Step
from cnnlab.explain.layers.formulas import by
from cnnlab.text import plural

RESULTS = {"max": "maximum", "avg": "mean", "min": "minimum"}


def print_steps(sliding: Sliding, console: Console) -> None:
    """Print a row for each window, then the output and how its size is computed."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("row", justify="right", no_wrap=True)
    table.add_column("column", justify="right", no_wrap=True)
    is_pool = sliding.pool is not None
    table.add_column("window" if is_pool else "window x kernel", overflow="fold")
    result = RESULTS[sliding.pool] if sliding.pool else "sum"
    table.add_column(result, justify="right", no_wrap=True)
    for step in sliding.steps:
        place = (step.number, step.row + 1, step.column + 1)
        table.add_row(*map(str, place), arithmetic(step, sliding), number(step.result))
    console.print(table)
    for line in summary(sliding):
        console.print(Text(line))


def summary(sliding: Sliding) -> list[str]:
    """The output, its size with the arithmetic, and what the stride keeps."""
    placement = sliding.placement
    lines = [
        f"output {as_text(sliding.output)}",
        f"output size {by(placement.out_size)}: {size_arithmetic(placement)}",
    ]
    if sliding.pool is None and placement.stride[0] > 1:
        lines.append(f"stride {placement.stride[0]} keeps {kept_share(placement)}")
    if any(placement.remainder):
        nouns = zip(placement.remainder, ("row", "column"), strict=True)
        last = " and ".join(plural(number, noun) for number, noun in nouns if number)
        lines.append(f"no window reaches the last {last}")
    return lines


def arithmetic(step: Step, sliding: Sliding) -> str:
    """``1*1 + 1*0 + 1*1``, or of a pooling the values in the window: ``4, 2, 1, 3``."""
    values = [number(value) for value in step.values.flatten().tolist()]
    if sliding.kernel is None:
        return ", ".join(values)
    weights = [_factor(weight) for weight in sliding.kernel.flatten().tolist()]
    return " + ".join(f"{value}*{weight}" for value, weight in zip(values, weights, strict=True))


def _factor(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)
