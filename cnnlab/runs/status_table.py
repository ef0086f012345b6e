"""The table of runs on a terminal, printed once or updated until Ctrl-C."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cnnlab.metrics import ACCURACY, Metric
from cnnlab.runs.state import RunState
from cnnlab.runs.status import RunStatus, ordered
from cnnlab.text import duration, first_line, plural

REFRESH = 2.0  # seconds
SAMPLE = "*"  # behind the score of a run that is evaluated on a sample
STYLES = {RunState.DONE: "green", RunState.RUNNING: "cyan"} | {
    state: "red" for state in RunState if state.is_failure
}


def print_runs(runs: Sequence[RunStatus]) -> None:
    """Print the table once; where there is no terminal, one line per run, however long."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    if runs:
        console.print(as_table(runs))
    console.print(summary(runs), style="dim")


def watch(read: Callable[[], Sequence[RunStatus]]) -> None:
    """Update the table every two seconds until Ctrl-C; print it once where there is no terminal."""
    console = Console()
    if not console.is_terminal:
        print_runs(read())
        return
    try:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                runs = read()
                # the summary on top: a short terminal cuts the table at the bottom
                live.update(Group(summary(runs), as_table(runs)), refresh=True)
                time.sleep(REFRESH)
    except KeyboardInterrupt:
        console.print("no longer watching; the runs continue", style="dim")


def latest(runs: Sequence[RunStatus]) -> list[RunStatus]:
    """Running ones first, then by the time of the last change."""
    running = [run for run in runs if run.state is RunState.RUNNING]
    return running + ordered([run for run in runs if run.state is not RunState.RUNNING], "age")


def summary(runs: Sequence[RunStatus]) -> Text:
    """``12 runs: 9 done, 1 running, 2 failed``, and the command that says why one failed."""
    counts = Counter(run.state for run in ordered(runs, "status"))
    parts = ", ".join(f"{count} {state}" for state, count in counts.items())
    text = f"{plural(len(runs), 'run')}: {parts}" if runs else "no runs"
    failed = [run for run in runs if run.state.is_failure]
    if failed:
        text += f"; why: cnnlab runs --why {failed[0].folder}"
    if any(run.is_partial and run.score is not None for run in runs):
        text += f"; {SAMPLE} on a sample of the images (trainer.max_eval_steps)"
    return Text(text)


def as_table(runs: Sequence[RunStatus]) -> Table:
    """One row per run; metrics other than accuracy, and errors, only where a run has them."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("run", overflow="fold", min_width=20)
    table.add_column("status", no_wrap=True)
    metrics = _metrics(runs)
    for heading in ("epoch", *(f"val {m.heading}" for m in metrics), "time", "changed"):
        table.add_column(heading, justify="right", no_wrap=True)
    if any(run.error for run in runs):
        table.add_column("error", overflow="fold", min_width=20)
    for run in runs:
        cells = [Text(run.name), Text(run.state, style=STYLES.get(run.state, "yellow"))]
        cells.append(Text(f"{run.epoch}/{'?' if run.epochs is None else run.epochs}"))
        for metric in metrics:
            value = run.score if run.metric == metric else None
            cells.append(
                Text("-" if value is None else metric.cell(value) + SAMPLE * run.is_partial)
            )
        cells += [Text(duration(run.seconds)), Text(f"{_rough(run.age)} ago")]
        table.add_row(*cells, Text(first_line(run.error)))
    return table


def _metrics(runs: Sequence[RunStatus]) -> list[Metric]:
    """Accuracy, and the primary metrics of those runs that have another."""
    return list(dict.fromkeys([ACCURACY, *(r.metric for r in runs if r.score is not None)]))


def _rough(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
