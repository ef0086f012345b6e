"""The learning rate range test as a picture: loss against learning rate, suggestions marked."""

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from cnnlab.training.lr_range_test import RangeTest

BLUE, ORANGE, GREEN, PALE = "#0072B2", "#D55E00", "#009E73", "#B8B8B8"


def lr_range_figure(test: "RangeTest", title: str) -> Figure:
    """Draw the loss of every step and the smoothed loss against the learning rate."""
    figure = Figure(figsize=(8, 4.8), dpi=150, layout="constrained")
    axes = figure.subplots()
    smoothed = test.smoothed
    axes.plot(test.lrs, test.losses, color=PALE, linewidth=1, label="loss of each step")
    axes.plot(test.lrs, smoothed, color=BLUE, linewidth=2, label="smoothed loss")
    if test.suggestions is not None:
        steepest, tenth = test.suggestions
        for lr, color, name in (
            (steepest, ORANGE, "steepest fall"),
            (tenth, GREEN, "a tenth of that of the lowest loss"),
        ):
            loss = float(np.interp(math.log(lr), np.log(test.lrs), smoothed))
            axes.axvline(lr, color=color, linewidth=1, linestyle="--")
            axes.plot(lr, loss, "o", color=color, label=f"{name}: {lr:.2g}")
    axes.set_xscale("log")
    axes.set(xlabel="learning rate (log scale)", ylabel="training loss")
    # What diverges would flatten all that can be learnt from.
    low, start = float(np.min(test.losses)), float(smoothed[0])
    top = min(float(np.max(test.losses)), start + max(0.6 * (start - low), 0.25 * abs(start)))
    axes.set_ylim(low - 0.05 * (top - low), top + 0.05 * (top - low))
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=9, loc="lower left")
    ended = f"\nended early: {test.ended}" if test.ended else ""
    figure.suptitle(f"{title}{ended}", fontsize=10)
    return figure
