"""Pictures of what ``cnnlab bench --tune`` and ``--against`` have compared."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnlab.bench.against import Comparison
from cnnlab.bench.figure import BLUE, DPI, GREY, PALE, REMAINDER, ROW
from cnnlab.bench.spread import Spread
from cnnlab.bench.tune import Trial, speedup
from cnnlab.bench.tuning import Tuning
from cnnlab.explain.pictures.drawing import drawable

WIDTH = 9.0  # inches


def tune_figure(tunings: Sequence[Tuning]) -> Figure:
    """Images per second of every combination, an axis for each batch size; the choice is dark."""
    heights = [len(_measured(tuning)) for tuning in tunings]
    size = (WIDTH, (REMAINDER - 0.7) * len(tunings) + ROW * sum(heights))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    all_axes = figure.subplots(len(tunings), 1, sharex=True, squeeze=False, height_ratios=heights)
    all_axes = all_axes[:, 0]
    for axes, tuning in zip(all_axes, tunings, strict=True):
        trials = _measured(tuning)
        names = [_name(trial, tuning) for trial in trials]
        colors = [BLUE if trial is tuning.chosen else PALE for trial in trials]
        ratios = [f"{speedup(trial, tuning.trials[0]):.2f}x" for trial in trials]
        _bars(axes, names, [trial.rate for trial in trials], colors, ratios)
        axes.set_title(drawable(tuning.name, 100), fontsize=11, loc="left", weight="bold")
    all_axes[-1].set_xlabel(
        "training images per second, and as a multiple of plain 32-bit training"
    )
    runs = len(tunings[0].trials[0].rates)
    machine = f"{tunings[0].place}, n = {runs} rounds, median (min to max)"
    figure.supxlabel(drawable(machine, 140), fontsize=8, color=GREY)
    return figure


def against_figure(found: Comparison) -> Figure:
    """Seconds of an epoch of each contender."""
    names = list(found.rounds[0])
    figure = Figure(figsize=(WIDTH, 1.7 + ROW * len(names)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    seconds = [Spread([each[name] for each in found.rounds]) for name in names]
    colors = [BLUE if name == "ours" else PALE for name in names]
    _bars(axes, names, seconds, colors, [f"{each.median:.3g} s" for each in seconds])
    axes.set_xlabel("seconds of an epoch, with validation")
    title = (f"{found.workload}{found.options}", str(found.ratio))
    axes.set_title("\n".join(drawable(line, 110) for line in title), fontsize=10, loc="left")
    machine = f"{found.machine}, n = {len(found.rounds)} rounds, median (min to max)"
    figure.supxlabel(drawable(machine, 140), fontsize=8, color=GREY)
    return figure


def _measured(tuning: Tuning) -> list[Trial]:
    return [trial for trial in tuning.trials if not trial.failed]


def _name(trial: Trial, tuning: Tuning) -> str:
    """The options that are not plain training's."""
    plain = tuning.trials[0].candidate.options
    options = trial.candidate.options
    changed = [f"{k.removeprefix('trainer.')}={v}" for k, v in options.items() if v != plain[k]]
    return " ".join(changed) or "plain 32 bit"


def _bars(
    axes: Axes, names: Sequence[str], rows: Sequence[Spread], colors: Sequence[str], said: list[str]
) -> None:
    """A horizontal bar for each, the first at the top, with a line from least to largest."""
    places = np.arange(len(rows))[::-1]
    medians = np.array([row.median for row in rows])
    errors = np.array([[row.median - row.low, row.high - row.median] for row in rows]).T
    axes.barh(places, medians, 0.6, color=colors)
    axes.errorbar(medians, places, xerr=errors, fmt="none", ecolor="#333333", elinewidth=1)
    for place, row, text in zip(places, rows, said, strict=True):
        axes.text(row.high, place, f"  {text}", va="center", fontsize=8)
    axes.set_yticks(places, [drawable(name) for name in names], fontsize=9)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
