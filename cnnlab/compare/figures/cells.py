"""A table of numbers as coloured cells, with the numbers in them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

DARK = 0.55  # luminance; below it a number is white
SMALL = 8  # points, of numbers and names
UPRIGHT = 3  # characters; longer names of columns are turned


def draw_cells(
    axes: Axes,
    values: NDArray[np.float64],
    texts: Sequence[Sequence[str]] | None,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    norm: Normalize,
    colormap: Colormap,
) -> AxesImage:
    """Draw values (R, C); cells that are NaN are hatched.

    Args:
        texts: what is written in the cells, R of C; None: nothing.
        rows, columns: their names, empty where a name has no space.
    """
    axes.set_facecolor("#F2F2F2")
    image = axes.imshow(np.ma.masked_invalid(values), cmap=colormap, norm=norm, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, fontsize=SMALL)
    axes.set_yticks(range(len(rows)), rows, fontsize=SMALL)
    axes.tick_params("x", rotation=90 if max(map(len, columns)) > UPRIGHT else 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, column in np.argwhere(np.isnan(values)):
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="///", ec="#B0B0B0", lw=0))
    if texts is None:
        return image
    luminance = colormap(norm(np.nan_to_num(values)))[..., :3] @ (0.299, 0.587, 0.114)
    for row, column in np.argwhere(~np.isnan(values)):
        color = "white" if luminance[row, column] < DARK else "black"
        text = texts[row][column]
        axes.text(column, row, text, ha="center", va="center", color=color, size=SMALL)
    return image


def span(values: NDArray[np.float64], least: float) -> Normalize:
    """Colours over the range of values, over ``least`` at least."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    missing = max(0.0, least - (high - low)) / 2
    return Normalize(low - missing, high + missing)
