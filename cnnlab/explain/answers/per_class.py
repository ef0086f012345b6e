"""The accuracy of each class as a point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnnlab.explain.answers.confusion import accuracies
from cnnlab.text import in_lines

MOST_ROWS = 30  # classes; of more, those with the lowest accuracy
LETTERS = 72  # of the title in a line
BLUE, GREY = "#0072B2", "#5F5F5F"


def per_class_figure(
    counts: NDArray[np.int64], class_names: Sequence[str], title: str = ""
) -> Figure:
    """The accuracy of each class, in their order; of many classes the worst, worst first.

    Args:
        counts: as of `confusion_counts`, (K, K).
        class_names: (K,), short.
    """
    accuracy, images = accuracies(counts), counts.sum(axis=1)
    present = np.flatnonzero(images)
    chosen = present
    if len(present) > MOST_ROWS:
        chosen = present[np.argsort(accuracy[present], kind="stable")[:MOST_ROWS]]
        title = f"{title}\nthe {MOST_ROWS} worst of {len(present)} classes"
    mean = 100 * counts.trace() / counts.sum()
    lines = in_lines(f"{title}\nall images: {mean:.2f}% (dashed)".strip(), LETTERS)
    height = 1.0 + 0.3 * len(chosen) + 0.17 * len(lines)
    figure = Figure(figsize=(7.5, height), dpi=150, layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(chosen))
    percent = 100 * accuracy[chosen]
    axes.hlines(places, mean, percent, color=BLUE, lw=3, alpha=0.4)
    axes.plot(percent, places, "o", color=BLUE, ms=7)
    axes.set_yticks(places, [class_names[index] for index in chosen.tolist()])
    axes.set_ylim(len(chosen) - 0.4, -0.6)
    for place, (value, index) in enumerate(zip(percent, chosen, strict=True)):
        text = f"{value:.1f}%  of {images[index]:,}"
        axes.text(1.01, place, text, va="center", fontsize=9, transform=axes.get_yaxis_transform())
    axes.axvline(mean, color=GREY, ls="--", lw=1.2)
    space = 0.05 * max(1.0, 100 - percent.min())
    axes.set_xlim(max(-2, percent.min() - space), 100 + space)
    axes.set(xlabel="Accuracy (%)", ylabel="True class")
    axes.grid(alpha=0.3)
    axes.set_title("\n".join(lines), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
