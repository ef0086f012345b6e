"""The figure of receptive fields: what one unit of each layer sees of the image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from torch import Tensor

from cnnlab.explain.pictures.capture import strongest_maps
from cnnlab.explain.pictures.drawing import COLORS, SMALL, Pixels, heading, scaled, show_picture
from cnnlab.explain.pictures.map_layers import MapLayer


@dataclass(frozen=True)
class Unit:
    """One number of a feature map, by its place."""

    channel: int
    row: int
    column: int


def strongest_unit(maps: Tensor, channel: int | None = None) -> Unit:
    """The largest number of a map of (C, H, W); by default of the strongest one."""
    if channel is None:
        (channel,) = strongest_maps(maps, 1)
    row, column = divmod(int(maps[channel].argmax()), maps.shape[2])
    return Unit(channel, row, column)


def draw_receptive_fields(
    figure: FigureBase,
    pixels: Pixels,
    layers: Sequence[MapLayer],
    maps: Mapping[str, Tensor],
    units: Mapping[str, Unit],
) -> None:
    """Draw for each layer the unit's map, the unit marked; below it the image, its field framed.

    Args:
        pixels: the image (H, W, 3).
        layers: whose fields are known, by `MapLayer.field`.
        units: one of each layer, by the layer's name.
    """
    heading(
        figure,
        "Receptive fields: what one unit sees of the image",
        "above: the map of the unit that responds most; below: the pixels that it depends on",
    )
    grid = figure.subplots(2, len(layers), squeeze=False)
    height, width = pixels.shape[:2]
    for number, layer in enumerate(layers):
        unit, color = units[layer.name], COLORS[number % len(COLORS)]
        assert layer.field is not None
        box = layer.field.box(unit.row, unit.column)
        assert box is not None
        above, below = grid[:, number]
        show_picture(above, scaled(maps[layer.name][unit.channel]))
        above.add_patch(_frame(unit.row, unit.column, unit.row + 1, unit.column + 1, color))
        above.set_title(
            f"{layer.name}\nmap {unit.channel}, row {unit.row}, column {unit.column}",
            fontsize=SMALL,
        )
        show_picture(below, pixels)
        top, left, bottom, right = box
        inside = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
        for x, y, w, h in _around(inside, height, width):
            outside = Rectangle(
                (x - 0.5, y - 0.5), w, h, facecolor="black", alpha=0.45, linewidth=0
            )
            below.add_patch(outside)
        below.add_patch(_frame(*inside, color))
        said = f"{bottom - top}x{right - left} pixels"
        if inside == (0, 0, height, width):
            said += ": all of it"
        elif inside != box:
            said += ", in part outside"
        below.set_title(said, fontsize=SMALL)


def _frame(top: int, left: int, bottom: int, right: int, color: str) -> Rectangle:
    """A frame around pixels, which are drawn from half a pixel before their number."""
    place, width, height = (left - 0.5, top - 0.5), right - left, bottom - top
    return Rectangle(place, width, height, fill=False, edgecolor=color, linewidth=2)


def _around(
    box: tuple[int, int, int, int], height: int, width: int
) -> list[tuple[int, int, int, int]]:
    """(x, y, width, height) of the four parts of an image outside a box."""
    top, left, bottom, right = box
    return [
        (0, 0, width, top),
        (0, bottom, width, height - bottom),
        (0, top, left, bottom - top),
        (right, top, width - right, bottom - top),
    ]
