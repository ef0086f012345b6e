"""The learning rate over a run as a picture, in steps and in epochs."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from cnnlab.training.learning_rates import LearningRates

BLUE, OTHERS = "#0072B2", ("#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def schedule_figure(rates: "LearningRates") -> Figure:
    """Draw the learning rate of each optimiser step; its first, highest and last value are named.

    The rise to the highest value is shaded; parameters with a factor have a line of their own.
    """
    values, per_epoch, peak = rates.values, rates.steps_per_epoch, rates.peak
    steps = range(len(values))
    figure = Figure(figsize=(8, 4.6), dpi=150, layout="constrained")
    axes = figure.subplots()
    if rates.factors:
        for color, factor in zip(OTHERS, (f for f in rates.factors if f != 1), strict=False):
            scaled = [value * factor for value in values]
            axes.step(
                steps,
                scaled,
                color=color,
                linestyle="--",
                where="post",
                label=f"{factor:g} x optim.lr",
            )
    axes.step(steps, values, color=BLUE, linewidth=2, where="post", label="optim.lr")
    rises = peak > 0 and all(a <= b for a, b in pairwise(values[: peak + 1]))
    if rises:
        axes.axvspan(0, peak, color=BLUE, alpha=0.08, linewidth=0, label="warm-up")
    for step, name in {0: "first", len(values) - 1: "last", peak: "peak"}.items():
        axes.plot(step, values[step], "o", color=BLUE, markersize=5)
        on_the_right = step > 0.75 * len(values)
        axes.annotate(
            f"{name} {values[step]:.3g}",
            (step, values[step]),
            xytext=(-6 if on_the_right else 6, 6),
            textcoords="offset points",
            ha="right" if on_the_right else "left",
            fontsize=9,
            bbox={"facecolor": "white", "alpha": 0.8, "pad": 1, "linewidth": 0},
        )
    largest = max(values) * max([1.0, *rates.factors])
    axes.set(xlabel="optimiser steps done", ylabel="learning rate", ylim=(0, 1.12 * largest))
    axes.margins(x=0.02)
    axes.grid(alpha=0.3)

    def in_epochs(steps: Any) -> Any:
        return steps / per_epoch

    def in_steps(epochs: Any) -> Any:
        return epochs * per_epoch

    epochs = axes.secondary_xaxis("top", functions=(in_epochs, in_steps))
    epochs.set_xlabel("epochs done")
    if rises or rates.factors:
        axes.legend(fontsize=8)
    figure.suptitle(rates.title, fontsize=10)
    if rates.notes:
        figure.supxlabel(rates.notes[0], fontsize=7.5)
    return figure
