"""The figure of feature maps: the strongest maps of each layer, from edges to parts."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from torch import Tensor

from cnnlab.explain.pictures.capture import strongest_maps
from cnnlab.explain.pictures.drawing import MEDIUM, heading, mosaic, scaled, show_mosaic
from cnnlab.explain.pictures.map_layers import MapLayer
from cnnlab.text import plural

MOST = 16  # maps of a layer; more are too small to read
SAID = "strongest maps (largest mean of absolute values); each scaled to its own range"


def draw_stage(figure: FigureBase, layer: MapLayer, maps: Tensor, *, most: int = MOST) -> None:
    """Draw the strongest of a layer's maps, two rows of eight.

    Args:
        maps: (C, H, W).
    """
    _row(figure.subplots(), maps, most, per_row=min(8, len(maps)))
    channels, height, width = layer.shape
    shown = min(most, channels)
    what = f"{shown} of {channels} maps" if shown < channels else plural(channels, "map")
    heading(figure, f"Feature maps of {layer.title}: {what}, {height}x{width}", SAID)


def draw_stages(
    figure: FigureBase,
    layers: Sequence[MapLayer],
    maps: Mapping[str, Tensor],
    *,
    heights: Sequence[float],
    most: int = 8,
) -> None:
    """Draw the strongest maps of several layers, one row each, the first on top.

    Args:
        heights: of the rows, in proportion.
    """
    heading(figure, "Feature maps, from edges to parts", SAID)
    for axes, layer in zip(
        figure.subplots(len(layers), 1, squeeze=False, height_ratios=heights)[:, 0],
        layers,
        strict=True,
    ):
        _row(axes, maps[layer.name], most, per_row=most)
        channels, height, width = layer.shape
        axes.set_title(
            f"{layer.title}: {plural(channels, 'map')} of {height}x{width}",
            fontsize=MEDIUM - 1,
            loc="left",
        )


def _row(axes: Axes, maps: Tensor, most: int, *, per_row: int) -> None:
    chosen = strongest_maps(maps, most)
    tiles = mosaic([scaled(maps[channel]) for channel in chosen], per_row)
    show_mosaic(axes, tiles, [str(channel) for channel in chosen])
