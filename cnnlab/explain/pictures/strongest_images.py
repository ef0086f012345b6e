"""The images that excite a feature map most, and the figure that shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import FigureBase
from torch import Tensor, nn

from cnnlab.explain.pictures.capture import capture
from cnnlab.explain.pictures.drawing import MEDIUM, Pixels, heading, mosaic, show_mosaic
from cnnlab.explain.pictures.map_layers import MapLayer


@dataclass(frozen=True)
class Strongest:
    """The images with the largest numbers in one map, the largest first.

    Attributes:
        indices: int64 (n,), of the images in their order.
        values: float32 (n,), the largest number of the map for each.
        places: int64 (n, 2), row and column of that number.
    """

    layer: MapLayer
    channel: int
    indices: Tensor
    values: Tensor
    places: Tensor


def strongest_images(
    model: nn.Module,
    maps: Sequence[tuple[MapLayer, int]],
    batches: Iterable[Tensor],
    *,
    count: int = 8,
) -> list[Strongest]:
    """Of each map the ``count`` images in which its largest number is largest.

    Args:
        maps: layers, from `map_layers`, and a channel of each.
        batches: normalised images (N, C, H, W), of any number of batches.
    """
    layers = list(dict.fromkeys(layer for layer, _ in maps))
    best: list[list[Tensor]] = [[] for _ in maps]
    seen = 0
    for images in batches:
        found = {name: maps.cpu() for name, maps in capture(model, layers, images).items()}
        for kept, (layer, channel) in zip(best, maps, strict=True):
            values, places = found[layer.name][:, channel].flatten(1).max(1)
            indices = torch.arange(seen, seen + len(images))
            parts = (indices, values, places)
            joined = [torch.cat(pair) for pair in zip(kept, parts, strict=True)] if kept else parts
            order = torch.sort(joined[1], descending=True, stable=True).indices[:count]
            kept[:] = [part[order] for part in joined]
        seen += len(images)
    return [
        Strongest(layer, channel, indices, values, _places(flat, layer.shape[2]))
        for (layer, channel), (indices, values, flat) in zip(maps, best, strict=True)
    ]


def _places(flat: Tensor, width: int) -> Tensor:
    return torch.stack([flat // width, flat % width], 1)


def draw_strongest_images(
    figure: FigureBase,
    strongest: Sequence[Strongest],
    pixels: Sequence[Sequence[Pixels]],
    labels: Sequence[Sequence[str]],
    said: str,
) -> None:
    """Draw a row of images for each map; where its receptive field is known, the frame of it.

    Args:
        pixels: of the images of each row, (H, W, 3).
        labels: of the same, such as their classes.
        said: which images they were chosen from.
    """
    heading(figure, "Images that excite a map most", said)
    rows = figure.subplots(len(strongest), 1, squeeze=False)[:, 0]
    for axes, found, images, names in zip(rows, strongest, pixels, labels, strict=True):
        framed = [
            _framed(image, found.layer, *map(int, place))
            for image, place in zip(images, found.places, strict=True)
        ]
        show_mosaic(axes, mosaic(framed, len(images)), names)
        low, high = float(found.values.min()), float(found.values.max())
        axes.set_title(
            f"map {found.channel} of {found.layer.title}: responses {high:.3g} to {low:.3g}",
            fontsize=MEDIUM - 1,
            loc="left",
        )


def _framed(pixels: Pixels, layer: MapLayer, row: int, column: int) -> Pixels:
    """The image, darker outside the receptive field of a unit."""
    box = None if layer.field is None else layer.field.box(row, column)
    if box is None:
        return pixels
    top, left, bottom, right = (max(0, side) for side in box)
    darker = pixels * 0.45 + 0.12
    darker[top:bottom, left:right] = pixels[top:bottom, left:right]
    return darker
