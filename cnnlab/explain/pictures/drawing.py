"""What all pictures share: pixels of an image, tiles in a grid, colours, titles, class names."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.spec import ImageSpec

Pixels = NDArray[np.floating[Any]]  # (H, W, 3), in 0..1
MAPS, SIGNED = colormaps["viridis"], colormaps["RdBu_r"]  # both clear to colour-blind readers
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito 2008
TILE = 64  # pixels of the page that a tile has at least
GAP = 0.08  # of a tile's side
SMALL, MEDIUM, LARGE = 7, 9, 11  # points


@dataclass(frozen=True)
class Mosaic:
    """Tiles of one size in a grid: the pixels of all, and the top left corner of each."""

    pixels: Pixels
    corners: tuple[tuple[int, int], ...]  # (x, y)
    size: tuple[int, int]  # (H, W) of a tile


def picture(image: Tensor, spec: ImageSpec) -> Pixels:
    """A normalised image (C, H, W) in its own colours; of 2, 4 or more channels the first."""
    mean, std = (
        np.asarray(values, dtype=np.float32).reshape(-1, 1, 1) for values in spec.normalisation()
    )
    values = np.clip(image.detach().cpu().float().numpy() * std + mean, 0, 1)
    if len(values) != 3:
        values = values[:1].repeat(3, axis=0)
    return np.asarray(values.transpose(1, 2, 0))


def scaled(values: Tensor) -> Pixels:
    """Numbers (H, W) in colours from their smallest to their largest."""
    numbers = values.detach().cpu().float().numpy()
    low, high = float(numbers.min()), float(numbers.max())
    return np.asarray(MAPS((numbers - low) / (high - low or 1.0))[..., :3])


def mosaic(tiles: Sequence[Pixels] | NDArray[Any], per_row: int) -> Mosaic:
    """Tiles in rows on white, each pixel of a small one enlarged to a square.

    A row is as wide as ``per_row`` tiles, however few there are.
    """
    height, width = tiles[0].shape[:2]
    factor = max(1, -(-TILE // max(height, width)))
    height, width = factor * height, factor * width
    gap = max(2, round(GAP * max(height, width)))
    rows, columns = -(-len(tiles) // per_row), per_row
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    pixels, corners = np.ones(shape), []
    for place, tile in enumerate(tiles):
        row, column = divmod(place, per_row)
        x, y = column * (width + gap), row * (height + gap)
        enlarged = np.asarray(tile).repeat(factor, axis=0).repeat(factor, axis=1)
        pixels[y : y + height, x : x + width] = enlarged
        corners.append((x, y))
    return Mosaic(pixels, tuple(corners), (height, width))


def show_mosaic(axes: Axes, tiles: Mosaic, labels: Sequence[str] = ()) -> None:
    """Draw the tiles, with a label in the corner of each."""
    axes.imshow(
        _bytes(tiles.pixels), interpolation="nearest" if max(tiles.size) <= TILE else "auto"
    )
    axes.set_axis_off()
    for (x, y), label in zip(tiles.corners, labels, strict=False):
        axes.text(
            x + 0.03 * tiles.size[1],
            y + 0.03 * tiles.size[0],
            label,
            fontsize=SMALL - 1,
            va="top",
            color="white",
            bbox={"facecolor": "black", "alpha": 0.55, "pad": 0.8, "linewidth": 0},
        )


def show_picture(axes: Axes, pixels: Pixels) -> None:
    """An image without ticks, in a thin frame."""
    axes.imshow(_bytes(pixels), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_linewidth(0.5)


def _bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """In 0..255, which is drawn several times faster."""
    return (pixels * 255 + 0.5).astype(np.uint8)


def color_bar(
    figure: FigureBase, axes: Any, colors: Any, low: float, high: float, label: str
) -> None:
    """A colour bar at the right of one or several axes."""
    mappable = ScalarMappable(Normalize(low, high), colors)
    bar = figure.colorbar(mappable, ax=axes, shrink=0.8, aspect=30, pad=0.01)
    bar.set_label(label, fontsize=MEDIUM - 1)
    bar.ax.tick_params(labelsize=SMALL)


def heading(figure: FigureBase, text: str, said: str = "") -> None:
    """The title of a figure, and below it in grey what the colours mean."""
    place = {"x": 0.01, "ha": "left", "va": "top"}
    figure.suptitle(text + ("\n" if said else ""), fontsize=LARGE, weight="bold", **place)
    below = ScaledTranslation(0, -0.26, _page(figure).dpi_scale_trans)
    where = figure.transSubfigure + below  # type: ignore[attr-defined]
    grey = figure.text(
        0.01, 1, said, ha="left", va="top", fontsize=MEDIUM, color="#5F5F5F", transform=where
    )
    grey.set_in_layout(False)


def _page(figure: FigureBase) -> Figure:
    page = figure.get_figure(root=True)
    assert isinstance(page, Figure)
    return page


def class_name(spec: ImageSpec, label: int) -> str:
    """A class by its name, or by its number where it has none."""
    names = spec.class_names
    return drawable(names[label]) if label < len(names) else f"class {label}"


def drawable(text: str, most: int = 40) -> str:
    """A text as matplotlib shows it: no formulas, and no letters that its font does not have."""
    line = " ".join(text.split())
    cut = line if len(line) <= most else f"{line[: most - 1]}…"
    return "".join(letter if ord(letter) in _glyphs() else "?" for letter in cut).replace(
        "$", r"\$"
    )


@functools.cache
def _glyphs() -> frozenset[int]:
    """The letters of matplotlib's default font, by number."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
