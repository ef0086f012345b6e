"""``cnnlab bench``: one configuration measured in full."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnlab.app.bench_output import Output, say
from cnnlab.app.compose import compose
from cnnlab.registry import CnnlabError
from cnnlab.runs.state import RunState
from cnnlab.text import first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class OutOfMemoryError(CnnlabError):
    """No mistake in the command: this machine is too small for it."""

    exit_code = 1


def run_report(words: Sequence[str], *, rounds: int, seconds: float, output: Output) -> None:
    """Measure, print and write.

    Raises:
        CnnlabError: the words are refused, or nothing can be measured.
    """
    config = compose(words)
    from cnnlab.bench.measure import measure  # loads lightning, which no refusal needs
    from cnnlab.bench.tables import footer, heading, report_table
    from cnnlab.sweep.execute import final_state

    try:
        report = measure(config, rounds=rounds, seconds=seconds, say=say)
    except (RuntimeError, MemoryError) as error:
        if final_state(error) is not RunState.OUT_OF_MEMORY:
            raise
        raise OutOfMemoryError(f"out of memory: {first_line(error)}") from error
    output.print(heading(report), report_table(report), footer(report))

    def draw() -> "Figure":
        from cnnlab.bench.figure import speed_figure

        return speed_figure([(report.model, report)], heading(report))

    output.write({"words": list(words), **report.to_dict()}, draw)
