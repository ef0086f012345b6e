"""Progress of packing: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cnnlab.text import plural

SECONDS = 10.0  # between two lines


class PackingProgress:
    """A context manager, since the bar must be closed.

    Args:
        path: of the pack.
        total: number of pictures.
        done: of these, the number that is packed.
    """

    def __init__(self, path: Path, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._started = self._printed = time.monotonic()
        self._before = done
        before = f", {done:,} of them done before" if done else ""
        self._say(f"packing {plural(total, 'picture')} into {path}{before}")
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("pictures"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeRemainingColumn(compact=True),
                console=Console(file=sys.stderr),
                transient=True,
            )
            self._bar.add_task("", total=total, completed=done)

    def __enter__(self) -> "PackingProgress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: object, _: object, __: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:
            count, seconds = self._done - self._before, time.monotonic() - self._started
            self._say(f"packed {plural(count, 'picture')} in {seconds:.1f} s")

    def advance(self, count: int) -> None:
        """This number of pictures more is done."""
        self._done += count
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)
        elif time.monotonic() - self._printed > SECONDS:
            self._printed = time.monotonic()
            self._say(f"packing: {self._done:,} of {self._total:,} pictures")

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
