"""What a search would cost, by the trials at the corners of its space."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from cnnlab.runs.job import Job
from cnnlab.sweep.plan.estimate import MeasureStep, estimate
from cnnlab.sweep.plan.plan import total_work
from cnnlab.sweep.plan.step_time import measure_step
from cnnlab.text import duration, plural, si


def print_search_plan(
    corners: Sequence[Job],
    n_trials: int,
    finished: int = 0,
    parallel: int = 1,
    *,
    measure: MeasureStep = measure_step,
    console: Console | None = None,
) -> None:
    """Print what trials cost, and all that are left.

    Args:
        corners: jobs of points at the corners of the space.
        finished: of the ``n_trials``, those that are finished.
        parallel: trials at a time.
        measure: as of ``plan.make_plan``.
    """
    console = console or Console()
    left = n_trials - finished
    lines = [
        f"{plural(n_trials, 'trial')}: {finished} finished, {left} to run",
        f"params of a trial  {_range([job.cost.params for job in corners], si)}",
        f"MACs of a trial    {_range([job.cost.macs for job in corners], si)}",
    ]
    measured = estimate(corners, parallel, measure)
    times = [t for job in corners if (t := measured.seconds(total_work(job))) is not None]
    if times:
        bounds = [measured.side_by_side([time] * left) for time in (min(times), max(times))]
        lines.append(f"time of a trial    {_range(times, duration)}")
        lines.append(f"in total between {' and '.join(map(duration, bounds))} {measured.place}")
    console.print(Text("\n".join(lines)), soft_wrap=True)
    notes = [
        f"of {plural(len(corners), 'point')} at the corners of the space, each of which varies one "
        "option; several at once may cost more, pruning and early stopping reduce the cost",
        *measured.explanation,
    ]
    console.print(Text("\n".join(notes), style="dim"), soft_wrap=True)


def _range(numbers: Sequence[float], show: Callable[[float], str]) -> str:
    low, high = show(min(numbers)), show(max(numbers))
    return low if low == high else f"{low} to {high}"
