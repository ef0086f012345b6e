"""Points in a plane, coloured and marked by class, in panels side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from cnnlab.text import in_lines

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")  # as colours repeat, another
THIN = ("P", "X", "*")  # drawn larger, to be as dark as the others
COLORS = 20
LETTERS = 9  # of the title in an inch
MOST_NAMED = 40  # classes in the legend; of more, the first


def scatter_figure(
    panels: Mapping[str, tuple[ArrayLike, tuple[str, str]]],
    labels: ArrayLike,
    class_names: Sequence[str],
    title: str = "",
) -> Figure:
    """One panel for each projection, a legend with the names of the classes.

    Args:
        panels: by title, points (N, 2) and the names of the two axes.
        labels: classes of the points, (N,).
        class_names: (K,), short.
    """
    classes: NDArray[np.int64] = np.asarray(labels)
    present = np.unique(classes)
    palette = [colormaps["tab20"](index % COLORS) for index in _spread()]
    columns = -(-min(len(present), MOST_NAMED) // 20)
    figure = Figure(figsize=(12 + 1.2 * columns, 5.6), dpi=150, layout="constrained")
    for axes, (heading, (points, names)) in zip(
        figure.subplots(1, len(panels), squeeze=False).ravel(), panels.items(), strict=True
    ):
        places = np.asarray(points)
        for label in present:
            chosen = places[classes == label]
            look = {"color": palette[label % COLORS], "marker": MARKERS[label % len(MARKERS)]}
            size = 30 if look["marker"] in THIN else 18
            axes.scatter(*chosen.T, s=size, alpha=0.75, lw=0.2, ec="white", **look)
        axes.set(title=heading, xlabel=names[0], ylabel=names[1])
        axes.grid(alpha=0.25)
    lines = in_lines(title, int(LETTERS * figure.get_figwidth()))
    figure.suptitle("\n".join(lines), fontsize=12)
    handles = [
        Line2D(
            [],
            [],
            ls="",
            ms=6,
            color=palette[label % COLORS],
            marker=MARKERS[label % len(MARKERS)],
            label=class_names[label],
        )
        for label in present[:MOST_NAMED]
    ]
    left_out = len(present) - len(handles)
    figure.legend(
        handles=handles,
        loc="outside right center",
        ncols=columns,
        fontsize=9,
        title=f"the first {len(handles)} of {len(present)} classes" if left_out else "class",
    )
    return figure


def _spread() -> list[int]:
    """The colours of tab20, the ten strong ones before the ten pale ones."""
    return [*range(0, COLORS, 2), *range(1, COLORS, 2)]
