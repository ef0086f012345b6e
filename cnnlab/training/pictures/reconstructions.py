"""Originals over reconstructions: what an autoencoder keeps of an image, and what it loses."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnnlab.training.pictures.class_names import drawable

PER_ROW = 10  # pairs side by side


def reconstruction_figure(
    originals: NDArray[np.floating], reconstructions: NDArray[np.floating], title: str = ""
) -> Figure:
    """Draw each original above its reconstruction, ten pairs to a row, the error beneath.

    Both are (N, C, H, W) in 0..1; one or three channels are drawn as grey or colour, of any other
    number the first is.

    Raises:
        ValueError: shapes differ, or there is no image.
    """
    if originals.shape != reconstructions.shape or originals.ndim != 4 or len(originals) == 0:
        raise ValueError(
            f"originals {originals.shape} and reconstructions {reconstructions.shape} "
            "must both be (N, C, H, W)"
        )
    columns = min(PER_ROW, len(originals))
    rows = 2 * -(-len(originals) // columns)
    figure = Figure(
        figsize=(0.9 * columns + 0.5, 0.55 + 0.97 * rows), dpi=120, layout="constrained"
    )
    figure.suptitle(
        f"{drawable(title) or 'Reconstructions'}\noriginals over reconstructions", fontsize=10
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, (original, reconstruction) in enumerate(
        zip(originals, reconstructions, strict=True)
    ):
        row, column = divmod(place, columns)
        for axes, image in zip(
            grid[2 * row : 2 * row + 2, column], (original, reconstruction), strict=True
        ):
            axes.imshow(_drawable(image), cmap="gray", vmin=0, vmax=1)
        error = float(np.mean((original - reconstruction) ** 2))
        grid[2 * row + 1, column].set_title(f"{error:.4f}", fontsize=7, y=-0.25)
    figure.supxlabel("mean squared error per pixel", fontsize=8)
    return figure


def _drawable(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """(C, H, W) as matplotlib takes it."""
    return image.transpose(1, 2, 0) if len(image) == 3 else image[0]
