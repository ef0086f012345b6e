"""How many images each class has in training, validation and test, as bars."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cnnlab.training.pictures.class_names import short_names

COLORS = {"train": "#0072B2", "val": "#E69F00", "test": "#009E73"}
MOST_NAMED = 40  # classes; above it the axis has numbers
MOST_NUMBERED = 12  # classes whose bars have room for their counts


def class_counts_figure(
    counts: Mapping[str, NDArray[np.integer]], class_names: Sequence[str], title: str
) -> Figure:
    """Draw the counts (K,) of each part, parts below each other, each with a scale of its own."""
    count = len(next(iter(counts.values())))
    names = short_names(class_names or [str(k) for k in range(count)])
    slanted = max(map(len, names)) > 5 and count <= MOST_NAMED
    width = float(np.clip(0.5 * count + 2, 7, 14))
    figure = Figure(figsize=(width, 1.5 + 1.6 * len(counts)), dpi=150, layout="constrained")
    figure.suptitle(title, fontsize=11)
    grid = figure.subplots(len(counts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (part, numbers) in zip(grid, counts.items(), strict=True):
        places, full = range(count), 1.0 if count > MOST_NAMED else 0.8
        bars = axes.bar(places, numbers, width=full, color=COLORS.get(part, "#8C8C8C"))
        if count <= MOST_NUMBERED:
            axes.bar_label(bars, [f"{number:,}" for number in numbers], fontsize=8, padding=1)
        axes.set_ylabel("images", fontsize=9)
        axes.set_ylim(0, 1.2 * max(1, int(numbers.max(initial=0))))
        axes.set_title(f"{part}: {int(numbers.sum()):,} images", fontsize=9, loc="left")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.margins(x=0.01)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    grid[-1].set_xlabel("class")
    if count <= MOST_NAMED:
        grid[-1].set_xticks(range(count), names, fontsize=9)
        grid[-1].tick_params("x", rotation=45 if slanted else 0)
    return figure
