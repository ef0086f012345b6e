"""Decoding picture files to pixels."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from cnnlab.registry import CnnlabError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
Fit = Literal["squeeze", "crop"]  # the whole picture, or its central square (`_to_tensor`)
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def read_pictures(
    paths: Sequence[Path], size: int, channels: Literal[1, 3], fit: Fit = "squeeze"
) -> Tensor:
    """Decode files on every core: uint8 (N, C, size, size), in their order.

    Raises:
        CnnlabError: a file is not a picture, or is damaged.
    """
    pixels = torch.empty((len(paths), channels, size, size), dtype=torch.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # PIL decodes outside the GIL
        decoded = threads.map(lambda path: read_picture(path, size, channels, fit), paths)
        for index, picture in enumerate(decoded):
            pixels[index] = picture
    return pixels


def read_picture(path: Path, size: int, channels: Literal[1, 3], fit: Fit = "squeeze") -> Tensor:
    """Decode one file and resize it to a square: uint8 (C, size, size).

    Rotated by its EXIF orientation; transparent pixels become white. ``squeeze`` resizes the whole
    picture to a square; ``crop`` keeps the middle 7/8 of its shorter side: for 224 pixels, the
    shorter side is resized to 256 and the centre cut out.

    Raises:
        CnnlabError: the file is not a picture, or is damaged.
    """
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))  # decodes large JPEGs in part
            return _to_tensor(ImageOps.exif_transpose(image), size, channels, fit)
    except UNREADABLE as error:
        reason = f"{type(error).__name__}: {error}".replace(f" {str(path)!r}", "")
        raise CnnlabError(f"cannot read the picture {path} ({reason})") from None


def _to_tensor(image: Image.Image, size: int, channels: Literal[1, 3], fit: Fit) -> Tensor:
    if image.mode.startswith("I;16"):  # converting would clip values of 0..65535 at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if fit == "crop":
        width, height = image.size
        side = 7 / 8 * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    else:
        box = None
    image = image.resize((size, size), Image.Resampling.BILINEAR, box)  # with antialiasing
    return torch.from_numpy(np.array(image)).view(size, size, channels).permute(2, 0, 1)
