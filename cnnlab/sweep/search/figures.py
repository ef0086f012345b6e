"""The figures of a search: value of each trial, importance of each option, Pareto front."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from cnnlab.compare.figures.style import COLORS, DPI
from cnnlab.metrics import Metric, describe_column, metric_of_column, split_of
from cnnlab.text import si

BLUE, RED = COLORS[:2]
GRAY = "#999999"


def history_figure(study: Study, objectives: Sequence[str]) -> Figure:
    """Each trial's value in the order of the trials, and the best so far.

    Args:
        objectives: columns of result.json, as of the study.
    """
    figure = Figure(figsize=(7.5 * len(objectives), 4.6), dpi=DPI, layout="constrained")
    figure.suptitle(f"Trials of the search: {study.study_name}")
    trials = study.get_trials(deepcopy=False)
    for i, (axes, objective) in enumerate(
        zip(figure.subplots(1, len(objectives), squeeze=False)[0], objectives, strict=True)
    ):
        metric = metric_of_column(objective)
        complete = [t for t in trials if t.state == TrialState.COMPLETE]
        numbers, values = [t.number for t in complete], _values(complete, i, metric)
        best = np.maximum if metric.higher_is_better else np.minimum
        axes.plot(numbers, values, "o", color=BLUE, label="complete")
        axes.step(numbers, best.accumulate(values), where="post", color=BLUE, lw=1.2, label="best")
        pruned = [t for t in trials if t.state == TrialState.PRUNED and t.last_step is not None]
        if pruned:
            last = [metric.scale * t.intermediate_values[t.last_step or 0] for t in pruned]
            label = "pruned, at its last epoch"
            axes.plot([t.number for t in pruned], last, "x", color=RED, label=label)
        failed = [t.number for t in trials if t.state == TrialState.FAIL]
        if failed:
            bottom = axes.get_xaxis_transform()
            axes.plot(
                failed, [0.02] * len(failed), "^", color=GRAY, transform=bottom, label="failed"
            )
        axes.set(xlabel="Trial", ylabel=_axis(objective), title=_title(objective))
        _scale(axes, "y", metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    return figure


def importance_figure(study: Study, objectives: Sequence[str]) -> Figure | None:
    """The share of each objective's variance that each option explains.

    None where all trials have the same values.
    """
    shares = [_importances(study, i) for i in range(len(objectives))]
    if not any(shares):
        return None
    height = 1.6 + 0.35 * max(map(len, shares))
    figure = Figure(figsize=(7.5 * len(objectives), height), dpi=DPI, layout="constrained")
    figure.suptitle(f"Importance of the options: {study.study_name}")
    columns = figure.subplots(1, len(objectives), squeeze=False)[0]
    for axes, objective, share in zip(columns, objectives, shares, strict=True):
        keys = list(reversed(share))
        bars = axes.barh(keys, [100 * share[key] for key in keys], color=BLUE)
        axes.bar_label(bars, fmt="%.0f", padding=3)
        axes.set(xlabel="Share of the variance (%), by fANOVA", ylabel="Option", xlim=(0, 109))
        axes.set_title(_title(objective))
        if not share:
            axes.text(0.5, 0.5, "the same in all trials", ha="center", transform=axes.transAxes)
    return figure


def front_figure(study: Study, objectives: Sequence[str]) -> Figure:
    """Each pair of objectives; trials on the Pareto front are labelled with their numbers."""
    pairs = list(combinations(range(len(objectives)), 2))
    figure = Figure(figsize=(7.5 * len(pairs), 5.2), dpi=DPI, layout="constrained")
    figure.suptitle(f"Pareto front: {study.study_name}")
    best = study.best_trials
    numbers = {trial.number for trial in best}
    rest = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == TrialState.COMPLETE and trial.number not in numbers
    ]
    for axes, (up, along) in zip(
        figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True
    ):
        x, y = metric_of_column(objectives[along]), metric_of_column(objectives[up])
        ordered = sorted(best, key=lambda trial: trial.values[along])
        for trials, color, label in ((rest, GRAY, "dominated"), (ordered, BLUE, "front")):
            line = "o-" if label == "front" and len(objectives) == 2 else "o"
            step = "steps-pre" if x.higher_is_better else "steps-post"
            xs, ys = _values(trials, along, x), _values(trials, up, y)
            axes.plot(xs, ys, line, color=color, label=label, lw=1.2, drawstyle=step)
        for trial in ordered:
            at = (x.scale * trial.values[along], y.scale * trial.values[up])
            axes.annotate(str(trial.number), at, (4, 5), textcoords="offset points", fontsize=9)
        axes.set(xlabel=_axis(objectives[along]), ylabel=_axis(objectives[up]))
        axes.set_title(f"{_title(objectives[up])} against {describe_column(objectives[along])}")
        _scale(axes, "x", x)
        _scale(axes, "y", y)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9, title="numbers: trials")
    return figure


def _title(objective: str) -> str:
    return metric_of_column(objective).title(split_of(objective))


def _axis(objective: str) -> str:
    return metric_of_column(objective).axis(split_of(objective))


def _values(trials: Sequence[FrozenTrial], index: int, metric: Metric) -> list[float]:
    return [metric.scale * trial.values[index] for trial in trials]


def _importances(study: Study, index: int) -> dict[str, float]:
    complete = [t for t in study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE]
    if len({trial.values[index] for trial in complete}) < 2:
        return {}
    return get_param_importances(
        study,
        evaluator=FanovaImportanceEvaluator(seed=0),
        target=lambda trial: float(trial.values[index]),
    )


def _scale(axes: Axes, along: Literal["x", "y"], metric: Metric) -> None:
    """Plain numbers at the ticks; a logarithmic axis where values span more than a factor 4."""
    if not metric.log_axis:
        return
    axis = axes.xaxis if along == "x" else axes.yaxis
    low, high = axis.get_data_interval()
    if low > 0 and high / low > 4:
        axes.set(**{f"{along}scale": "log"})
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: si(value)))
