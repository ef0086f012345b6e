"""The listing of runs on a terminal, once or followed."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cnnlab.runs.status import FAILED, RunStatus, ordered
from cnnlab.text import duration

REFRESH = 2.0  # seconds
STYLES = {"done": "green", "running": "cyan"} | dict.fromkeys(FAILED, "red")


def print_runs(runs: Sequence[RunStatus]) -> None:
    """Print the table once; where there is no terminal, a line a run, however long."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    if runs:
        console.print(as_table(runs))
    console.print(summary(runs), style="dim")


def watch(read: Callable[[], Sequence[RunStatus]]) -> None:
    """Print the table anew every two seconds until Ctrl-C; once where there is no terminal."""
    console = Console()
    if not console.is_terminal:
        print_runs(read())
        return
    try:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                runs = read()
                # the summary on top: a terminal too low for the table cuts it at the bottom
                live.update(Group(summary(runs), as_table(runs)), refresh=True)
                time.sleep(REFRESH)
    except KeyboardInterrupt:
        console.print("no longer watching; the runs go on", style="dim")


def latest(runs: Sequence[RunStatus]) -> list[RunStatus]:
    """What a watcher wants to see first: what is running, then what changed last."""
    running = [run for run in runs if run.state == "running"]
    return running + ordered([run for run in runs if run.state != "running"], "age")


def summary(runs: Sequence[RunStatus]) -> Text:
    """``12 runs: 9 done, 1 running, 2 failed``, and how to learn why."""
    counts = Counter(run.state for run in ordered(runs, "status"))
    parts = ", ".join(f"{count} {state}" for state, count in counts.items())
    text = f"{len(runs)} run{'' if len(runs) == 1 else 's'}: {parts}" if runs else "no runs"
    failed = [run for run in runs if run.has_failed]
    if failed:
        text += f"; why: cnnlab runs --why {failed[0].folder}"
    return Text(text)


def as_table(runs: Sequence[RunStatus]) -> Table:
    """One row per run. A column that would be empty is left out."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("run", overflow="fold", min_width=20)
    table.add_column("status", no_wrap=True)
    for heading in ("epoch", "val acc %", "val loss", "time", "changed"):
        if heading != "val loss" or _needs_loss(runs):
            table.add_column(heading, justify="right", no_wrap=True)
    if any(run.error for run in runs):
        table.add_column("error", overflow="fold", min_width=20)
    for run in runs:
        cells = [Text(run.name), Text(run.state, style=STYLES.get(run.state, "yellow"))]
        cells.append(Text(f"{run.epoch}/{'?' if run.epochs is None else run.epochs}"))
        cells.append(Text("-" if run.val_acc is None else f"{100 * run.val_acc:.2f}"))
        if _needs_loss(runs):
            cells.append(Text("-" if run.val_loss is None else f"{run.val_loss:.4g}"))
        cells += [Text(duration(run.seconds)), Text(f"{_rough(run.age)} ago")]
        table.add_row(*cells, Text(run.error.partition("\n")[0]))
    return table


def _needs_loss(runs: Sequence[RunStatus]) -> bool:
    """Whether a run has nothing else to show: it reconstructs, without classes."""
    return any(run.val_acc is None and run.val_loss is not None for run in runs)


def _rough(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
