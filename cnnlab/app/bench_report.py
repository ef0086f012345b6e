"""``cnnlab bench``: one configuration measured in full."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnlab.app.bench_output import Output, say
from cnnlab.app.compose import compose

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run_report(words: Sequence[str], *, rounds: int, seconds: float, output: Output) -> None:
    """Measure, print and write.

    Raises:
        CnnlabError: the words are refused, or nothing can be measured.
    """
    config = compose(words)
    from cnnlab.bench.measure import measure  # loads lightning, which no refusal needs
    from cnnlab.bench.tables import footer, heading, report_table

    report = measure(config, rounds=rounds, seconds=seconds, say=say)
    output.print(heading(report), report_table(report), footer(report))

    def draw() -> "Figure":
        from cnnlab.bench.figure import speed_figure

        return speed_figure([(report.model, report)], heading(report))

    output.write({"words": list(words), **report.to_dict()}, draw)
