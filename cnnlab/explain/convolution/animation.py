"""The slides of a sliding window as an animated GIF."""

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from cnnlab.explain.convolution.slide import Slide
from cnnlab.explain.convolution.sliding import Sliding, Step

MOST_FRAMES = 64
COLORS = 64  # of the palette: few flat colours and smooth letters
LONGEST = 30_000  # milliseconds in total, before the last frame
NEARLY_WHITE = 248  # of 255, to which Pillow's palette averages white and the palest edges
FASTEST, SLOWEST = 300, 1200  # milliseconds of a frame
LAST = 3000  # milliseconds


def shown_steps(sliding: Sliding, most: int = MOST_FRAMES) -> list[Step]:
    """All steps, or ``most`` of them at equal distances, the first and the last included."""
    total = len(sliding)
    chosen = set(np.linspace(1, total, min(most, total)).round().astype(int).tolist())
    return [step for step in sliding.steps if step.number in chosen]


def frames(sliding: Sliding, steps: Sequence[Step] | None = None) -> list[Image.Image]:
    """Each step as an RGB picture.

    Args:
        steps: None are those of ``shown_steps``.
    """
    slide = Slide(sliding)
    canvas: Any = slide.figure.canvas  # matplotlib types none of its methods
    for artist in slide.artists:
        artist.set_animated(True)  # the rest is drawn once
    canvas.draw()
    background = canvas.copy_from_bbox(slide.figure.bbox)
    pictures = []
    for step in shown_steps(sliding) if steps is None else steps:
        canvas.restore_region(background)
        slide.show(step)
        for artist in slide.artists:
            artist.draw(canvas.get_renderer())
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    return pictures


def write_gif(pictures: Sequence[Image.Image], file: BinaryIO) -> None:
    """Write an endless animation; the last frame stays longest."""
    palette = pictures[-1].quantize(COLORS)
    colors = np.array(palette.getpalette()).reshape(-1, 3)
    colors[colors.min(axis=1) >= NEARLY_WHITE] = 255
    palette.putpalette(colors.flatten().tolist())
    indexed = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    each = min(SLOWEST, max(FASTEST, LONGEST // len(pictures)))
    durations = [each] * (len(pictures) - 1) + [LAST]
    indexed[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=durations,
        loop=0,
    )
