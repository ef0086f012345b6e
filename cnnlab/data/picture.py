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
    (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
Fit = Literal["squeeze", "keep", "crop"]  # of a picture's proportions (`read_picture`)
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
SHARES = {"keep": 1.0, "crop": 7 / 8}  # of the shorter side that the square cut out has


def read_pictures(
    paths: Sequence[Path], size: int, channels: Literal[1, 3], fit: Fit = "squeeze"
) -> tuple[Tensor, dict[int, str]]:
    """Decode files on every core.

    Returns:
        uint8 (N, C, size, size), in their order; and by the index of each file that is not a
        picture, or is damaged, the reason: its pixels are not set.
    """
    pixels = torch.empty((len(paths), channels, size, size), dtype=torch.uint8)
    broken: dict[int, str] = {}

    def decode(index: int) -> None:
        try:
            pixels[index] = _decode(paths[index], size, channels, fit)
        except UNREADABLE as error:
            broken[index] = _reason(paths[index], error)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # PIL decodes outside the GIL
        for _ in threads.map(decode, range(len(paths))):
            pass
    return pixels, dict(sorted(broken.items()))


def read_picture(path: Path, size: int, channels: Literal[1, 3], fit: Fit = "squeeze") -> Tensor:
    """Decode one file and resize it to a square: uint8 (C, size, size).

    Rotated by its EXIF orientation; transparent pixels become white; 16 bits are scaled to 8.
    ``squeeze`` resizes the whole picture to a square; ``keep`` keeps its proportions, the shorter
    side resized and the centre cut out; ``crop`` cuts out 7/8 of that: for 224 pixels, the shorter
    side is resized to 256.

    Raises:
        CnnlabError: the file is not a picture, is damaged, or has 32 bits or floats, whose range
            no file states.
    """
    try:
        return _decode(path, size, channels, fit)
    except UNREADABLE as error:
        raise CnnlabError(f"cannot read the picture {path} ({_reason(path, error)})") from None


def _decode(path: Path, size: int, channels: Literal[1, 3], fit: Fit) -> Tensor:
    with Image.open(path) as image:
        image.draft("RGB", (2 * size, 2 * size))  # decodes large JPEGs in part
        return _to_tensor(ImageOps.exif_transpose(image), size, channels, fit, image.format)


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}".replace(f" {str(path)!r}", "")


def _to_tensor(
    image: Image.Image, size: int, channels: Literal[1, 3], fit: Fit, kind: str | None
) -> Tensor:
    # Converting would clip at 255 what goes to 65535 or has no stated range. Of PNG and PPM, mode
    # I holds 16 bits; of other formats 32.
    if image.mode == "F" or (image.mode == "I" and kind not in ("PNG", "PPM")):
        raise ValueError("it has 32-bit pixels, whose range is unknown: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if fit == "squeeze":
        box = None
    else:
        width, height = image.size
        side = SHARES[fit] * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    image = image.resize((size, size), Image.Resampling.BILINEAR, box)  # with antialiasing
    return torch.from_numpy(np.array(image)).view(size, size, channels).permute(2, 0, 1)
