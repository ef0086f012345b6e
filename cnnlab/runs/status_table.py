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
from cnnlab.terminal import console, natural_width
from cnnlab.text import duration, first_line, plural

REFRESH = 2.0  # seconds
SAMPLE = "*"  # behind the score of a run that is evaluated on a sample
NAME, ERROR = 20, 40  # columns to which longer ones are folded, at most
# What a narrow terminal does without, the first that is enough; errors are then below the table.
WITHOUT = ((), ("error",), ("error", "changed"), ("error", "changed", "time"))
STYLES = {RunState.DONE: "green", RunState.RUNNING: "cyan"} | {
    state: "red" for state in RunState if state.is_failure
}


def print_runs(runs: Sequence[RunStatus]) -> None:
    """Print the table once; where there is no terminal, one line per run, however long."""
    out = console()
    if runs:
        out.print(as_page(runs, out))
    out.print(summary(runs), style="dim")


def watch(read: Callable[[], Sequence[RunStatus]]) -> None:
    """Update the table every two seconds until Ctrl-C; print it once where there is no terminal."""
    out = console()
    if not out.is_terminal:
        print_runs(read())
        return
    try:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                runs = read()
                # the summary on top: a short terminal cuts the table at the bottom
                live.update(Group(summary(runs), as_page(runs, out)), refresh=True)
                time.sleep(REFRESH)
    except KeyboardInterrupt:
        out.print("no longer watching; the runs continue", style="dim")


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


def as_page(runs: Sequence[RunStatus], out: Console) -> Group:
    """The table with the columns that the console has room for; errors in full in any case.

    A name is folded only where no column that is left out would give it a line.
    """
    names = max([0, *(len(run.name) - NAME for run in runs)])
    errors = max([0, *(len(first_line(run.error)) - ERROR for run in runs)])
    forms = [(foldable, without) for foldable in (0, names) for without in WITHOUT]
    for foldable, without in forms:
        table = as_table(runs, without)
        folded = foldable + (0 if "error" in without else errors)
        if natural_width(out, table) - folded <= out.width:
            break
    listed = [Text(f"{run.name}: {first_line(run.error)}") for run in runs if run.error]
    return Group(table, *([Text(), *listed, Text()] if listed and "error" in without else []))


def as_table(runs: Sequence[RunStatus], without: Sequence[str] = ()) -> Table:
    """One row per run; metrics other than accuracy, and errors, only where a run has them.

    Args:
        without: headings of columns that are left out.
    """
    metrics = _metrics(runs)
    rows = [_cells(run, metrics) for run in runs]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    shown = [heading for heading in rows[0] if heading not in without] if rows else []
    if not any(run.error for run in runs):
        shown = [heading for heading in shown if heading != "error"]
    for heading in shown:
        is_text = heading in ("run", "status", "error")
        table.add_column(
            heading,
            justify="left" if is_text else "right",
            overflow="fold",
            no_wrap=heading not in ("run", "error"),
        )
    for cells in rows:
        table.add_row(*(cells[heading] for heading in shown))
    return table


def _cells(run: RunStatus, metrics: Sequence[Metric]) -> dict[str, Text]:
    """What each column shows of a run, by heading."""
    epochs = f"{run.epoch}/{'?' if run.epochs is None else run.epochs}"
    cells = {
        "run": Text(run.name),
        "status": Text(run.state, style=STYLES.get(run.state, "yellow")),
        "epoch": Text("-" if run.is_ensemble else epochs),
    }
    for metric in metrics:
        value = run.score if run.metric == metric else None
        score = "-" if value is None else metric.cell(value) + SAMPLE * run.is_partial
        cells[f"val {metric.heading}"] = Text(score)
    times = {"time": Text(duration(run.seconds)), "changed": Text(f"{_rough(run.age)} ago")}
    return {**cells, **times, "error": Text(first_line(run.error))}


def _metrics(runs: Sequence[RunStatus]) -> list[Metric]:
    """Accuracy, and the primary metrics of those runs that have another."""
    return list(dict.fromkeys([ACCURACY, *(r.metric for r in runs if r.score is not None)]))


def _rough(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
