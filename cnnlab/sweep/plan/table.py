"""A plan on a terminal, or a line a job elsewhere: what would be done, and the time it takes."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnlab.sweep.plan.plan import STATES, Plan, PlannedJob
from cnnlab.text import duration, plural, si
from cnnlab.training.cpu_bfloat16 import SUGGESTION, suggests_bfloat16

STYLES = {"done": "green", "running": "cyan", "failed before": "red", "to resume": "yellow"}


def print_plan(plan: Plan, console: Console | None = None) -> None:
    """Print the runs, their states, and how the time was estimated."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=10_000)
    console.print(as_table(plan))
    console.print(Text(summary(plan)))
    if any(planned.work is not None for planned in plan.jobs):
        console.print(Text("\n".join(footnotes(plan)), style="dim"))


def as_table(plan: Plan) -> Table:
    """One row per run."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("job", overflow="fold", min_width=20)
    table.add_column("state", overflow="fold", min_width=9)
    for heading in ("params", "MACs", "steps left", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for planned in plan.jobs:
        cost, work = planned.job.cost, planned.work
        cells = [
            Text(_requested(planned.names)),
            Text(_state(planned), STYLES.get(planned.state, "")),
        ]
        cells += [Text(si(cost.params)), Text(si(cost.macs))]
        cells.append(Text("-" if work is None else f"{work.steps:,}"))
        seconds = plan.seconds(planned)
        cells.append(Text(duration(seconds) if seconds is not None else "-" if not work else "?"))
        table.add_row(*cells)
    return table


def summary(plan: Plan) -> str:
    """``6 jobs: 4 new, 1 to resume (from epoch 3), 1 done; about 14 min on cpu``."""
    parts = []
    for state in STATES:
        runs = [planned for planned in plan.jobs if planned.state == state]
        if runs:
            parts.append(f"{len(runs)} {state}{_epochs(runs) if state == 'to resume' else ''}")
    text = f"{plural(len(plan.jobs), 'job')}: {', '.join(parts)}"
    if plan.duplicates:
        text += f"; {plural(plan.duplicates, 'duplicate')} left out"
    if not any(planned.work for planned in plan.jobs):
        return f"{text}; nothing left to do"
    if not plan.estimate.times:
        return f"{text}; the time could not be measured"
    at_least = "at least" if plan.estimate.failed else "about"
    return f"{text}; {at_least} {duration(plan.total_seconds)} {plan.estimate.place}"


def footnotes(plan: Plan) -> list[str]:
    """What the time is, and what it leaves out."""
    trainers = [planned.job.config.trainer for planned in plan.jobs if planned.work is not None]
    lines = plan.estimate.explanation
    if any(trainer.early_stopping for trainer in trainers):
        lines.append("early stopping may end runs sooner")
    if any(trainer.compile for trainer in trainers):
        lines.append(
            "measured without trainer.compile: compiling takes extra time, steps are faster"
        )
    if suggests_bfloat16(trainers):
        lines.append(SUGGESTION)
    if any(trainer.devices > 1 for trainer in trainers):
        lines.append("measured on one device: communication between devices is not included")
    return lines


def _requested(names: Sequence[str]) -> str:
    """A run's name, how often it was requested, and by what other names."""
    if len(names) == 1:
        return names[0]
    others = [name for name in dict.fromkeys(names) if name != names[0]]
    also = f", also as {', '.join(others)}" if others else ""
    return f"{names[0]} (requested {len(names)} times{also})"


def _state(planned: PlannedJob) -> str:
    if planned.state == "failed before":
        what = "" if planned.last_state == "failed" else f" ({planned.last_state})"
        again = "" if planned.work is not None else ", not retried"
        return f"failed before{what}{again}"
    if planned.state == "to resume":
        at = f"from epoch {planned.epoch}" if planned.work and planned.work.steps else "at its end"
        return f"to resume {at}"
    return planned.state


def _epochs(runs: Sequence[PlannedJob]) -> str:
    """The epochs in which runs continue: two by number, more as a range."""
    epochs = sorted({run.epoch for run in runs if run.work and run.work.steps})
    if not epochs:
        return ""
    between = "and" if len(epochs) == 2 else "to"
    shown = f"{epochs[0]} {between} {epochs[-1]}" if len(epochs) > 1 else str(epochs[0])
    return f" (from epoch {shown})"
