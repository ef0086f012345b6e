"""Progress of a parallel launch: a bar on a terminal, a line per epoch elsewhere."""

import sys
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.status import RunStatus, read_run
from cnnlab.text import first_line

MAX_LINES = 8  # running jobs named below the bar


class SweepProgress:
    """Reads the folders of the runs; a context manager, since the bar must be closed."""

    def __init__(self, total: int) -> None:
        self._live: Live | None = None
        self._printed: dict[str, int] = {}  # by run: the last epoch printed
        self._bar = Progress(
            TextColumn("jobs"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bar.add_task("", total=total)
        if sys.stderr.isatty():
            self._live = Live(console=Console(file=sys.stderr), auto_refresh=False)

    def __enter__(self) -> "SweepProgress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self._bar.get_renderable(), refresh=True)
            self._live.stop()

    def show(self, runs: Sequence[RunDir]) -> None:
        """Read the runs that are being trained and show them."""
        rows = [read_run(run, run.path) for run in runs if run.config_file.is_file()]
        if self._live is not None:
            lines = [
                f"  {row.name}  {_progress(row)}  {_validation(row)}" for row in rows[:MAX_LINES]
            ]
            lines += [f"  and {len(rows) - MAX_LINES} more"] if len(rows) > MAX_LINES else []
            text = Text("\n".join(lines), overflow="fold")
            self._live.update(Group(self._bar.get_renderable(), text), refresh=True)
            return
        for row in rows:
            if row.epoch > self._printed.get(row.name, 0):
                self._printed[row.name] = row.epoch
                self._print(f"{row.name}  epoch {_progress(row)}  {_validation(row)}")

    def ended(self, run: RunDir, title: str) -> None:
        """Print the final state of a run."""
        row = read_run(run, run.path)
        error = f": {first_line(row.error)}" if row.error else ""
        self._bar.advance(self._bar.task_ids[0])
        self._print(f"{title} {row.state}{error}  {_validation(row)}  {row.seconds:.1f} s")

    def _print(self, line: str) -> None:
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False)
        else:
            print(line.rstrip(), file=sys.stderr, flush=True)


def _progress(row: RunStatus) -> str:
    return f"{row.epoch}/{row.epochs}"


def _validation(row: RunStatus) -> str:
    metric = row.metric
    return "" if row.score is None else f"val {metric.column} {metric.show(row.score)}"
