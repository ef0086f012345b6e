"""A picture file as pixels."""

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
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def read_picture(path: Path, size: int, channels: Literal[1, 3]) -> Tensor:
    """Decode one file and resize it, its sides to a square: uint8 (C, size, size).

    Upright as its camera meant it; what is transparent becomes white.

    Raises:
        CnnlabError: the file is no picture, or is damaged.
    """
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))  # JPEG: decode large photographs in part
            return _to_tensor(ImageOps.exif_transpose(image), size, channels)
    except UNREADABLE as error:
        reason = f"{type(error).__name__}: {error}".replace(f" {str(path)!r}", "")
        raise CnnlabError(f"cannot read the picture {path} ({reason})") from None


def _to_tensor(image: Image.Image, size: int, channels: Literal[1, 3]) -> Tensor:
    if image.mode.startswith("I;16"):  # converting would clip at 255 what reaches to 65535
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    image = image.resize((size, size), Image.Resampling.BILINEAR)  # with antialiasing
    return torch.from_numpy(np.array(image)).view(size, size, channels).permute(2, 0, 1)
