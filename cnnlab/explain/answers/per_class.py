"""The accuracy of each class as a point, and what the class is most often taken for."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

MOST_ROWS = 30  # classes; of more, those with the lowest accuracy
BLUE, GREY = "#0072B2", "#5F5F5F"


def confusion_counts(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Images of each true class (rows) by their predicted class (columns), int64 (K, K).

    Args:
        labels, predicted: class indices, 0..K-1, (N,).
        classes: K.
    """
    pairs = np.asarray(labels) * classes + np.asarray(predicted)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def accuracies(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The fraction of each class's images that is right, NaN of none.  (K, K) -> (K,)"""
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = counts.diagonal() / counts.sum(axis=1)
    return found


def confused_with(counts: NDArray[np.int64]) -> list[int | None]:
    """The class that each class is most often taken for by mistake; None of no mistake."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    return [int(row.argmax()) if row.any() else None for row in wrong]


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
    figure = Figure(figsize=(7.5, 1.3 + 0.3 * len(chosen)), dpi=150, layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(chosen))
    percent = 100 * accuracy[chosen]
    mean = 100 * counts.trace() / counts.sum()
    axes.hlines(places, mean, percent, color=BLUE, lw=3, alpha=0.4)
    axes.plot(percent, places, "o", color=BLUE, ms=7)
    axes.set_yticks(places, [class_names[index] for index in chosen.tolist()])
    axes.invert_yaxis()
    for place, (value, index) in enumerate(zip(percent, chosen, strict=True)):
        text = f"{value:.1f}%  of {images[index]:,}"
        axes.text(1.01, place, text, va="center", fontsize=9, transform=axes.get_yaxis_transform())
    axes.axvline(mean, color=GREY, ls="--", lw=1.2)
    space = 0.05 * max(1.0, 100 - percent.min())
    axes.set_xlim(max(-2, percent.min() - space), 100 + space)
    axes.set(xlabel="Accuracy (%)", ylabel="True class")
    axes.grid(alpha=0.3)
    axes.set_title(f"{title}\nall images: {mean:.2f}% (dashed)".strip(), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
