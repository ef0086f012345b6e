"""Whether a classifier's confidence is its accuracy: reliability diagram, calibration error."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from cnnlab.text import in_lines

BINS = 15  # as Guo et al. 2017
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#5F5F5F"  # Okabe & Ito 2008
LETTERS = 60  # of the title in a line


@dataclass(frozen=True)
class Calibration:
    """Images in bins of equal width by the probability of their predicted class.

    Attributes:
        edges: of the bins, 0..1, (B + 1,). A bin holds its upper edge, not its lower one.
        counts: images in each bin, int64 (B,).
        confidence: their mean probability, NaN of none, (B,).
        accuracy: the fraction of them that is right, NaN of none, (B,).
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error: |accuracy - confidence|, mean over images by bin."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((self.counts * gaps).sum() / self.counts.sum())


def calibration(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> Calibration:
    """Sort images into bins of confidence (Guo et al. 2017, On calibration of modern networks).

    Bin b of B holds the images with a confidence in ((b - 1) / B, b / B].

    Args:
        confidence: the probability of the predicted class, in 0..1, (N,).
        right: whether the prediction is right, (N,).
        bins: their number, of equal width.

    Raises:
        ValueError: there is no image, the lengths differ, or a confidence is not in 0..1.
    """
    sure, is_right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if sure.ndim != 1 or sure.shape != is_right.shape or not len(sure):
        raise ValueError(f"confidence {sure.shape} and right {is_right.shape} must both be (N,)")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("a confidence is not in 0..1")
    edges = np.linspace(0, 1, bins + 1)
    index = np.digitize(sure, edges[1:-1], right=True)
    counts = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [
            np.bincount(index, weights=values, minlength=bins) / counts
            for values in (sure, is_right.astype(np.float64))
        ]
    return Calibration(edges, counts, *means)


def calibration_figure(found: Calibration, title: str = "") -> Figure:
    """The reliability diagram: accuracy in each bin of confidence, and below it the images in it.

    Bars that end below the diagonal are of a network that is too sure of itself.
    """
    figure = Figure(figsize=(5.6, 6.2), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    width = np.diff(found.edges)
    filled = found.counts > 0
    left, accuracy = found.edges[:-1][filled], found.accuracy[filled]
    sure = found.confidence[filled]
    upper.bar(left, accuracy, width[filled], align="edge", color=BLUE, ec="white", label="accuracy")
    upper.bar(
        left,
        sure - accuracy,
        width[filled],
        bottom=accuracy,
        align="edge",
        color="none",
        ec=ORANGE,
        hatch="////",
        lw=0.8,
        label="gap to the mean confidence",
    )
    upper.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1.2, label="perfect calibration")
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="Accuracy")
    upper.legend(loc="upper left", fontsize=9)
    total = int(found.counts.sum())
    said = f"expected calibration error {found.error:.2%}, {len(width)} bins, {total:,} images"
    lines = in_lines(f"{title or 'Calibration'}\n{said}", LETTERS)
    upper.set_title("\n".join(lines), fontsize=10)
    lower.bar(found.edges[:-1], found.counts, width, align="edge", color=GREY, ec="white")
    lower.set_yscale("symlog", linthresh=1)
    lower.set_ylim(0, 6 * found.counts.max())
    for place, count in zip(found.edges[:-1] + width / 2, found.counts, strict=True):
        if count:
            lower.annotate(
                f"{count:,}",
                (place, count),
                (0, 1),
                textcoords="offset points",
                ha="center",
                size=6,
            )
    lower.set(xlabel="Confidence: probability of the predicted class", ylabel="Images")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
