"""A picture in any form, as an upright image of 8 bits, and what was done to make it one."""

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from cnnlab.data.picture import orientation, to_8_bits, turned_upright
from cnnlab.registry import CnnlabError
from cnnlab.text import first_line

Picture = str | os.PathLike[str] | Image.Image | NDArray[Any] | Tensor
GREY = ("1", "L", "LA", "La")
HEIC = (".heic", ".heif")  # of telephones; Pillow does not read it
MODES = {"CMYK": "CMYK", "YCbCr": "YCbCr", "HSV": "HSV", "P": "palette"}


@dataclass(frozen=True)
class Opened:
    """An opaque, upright image of 8 bits.

    Attributes:
        image: of a large JPEG, at a part of its resolution.
        size: (W, H) of the whole picture, upright.
        notes: what was done, in words.
    """

    image: Image.Image
    size: tuple[int, int]
    notes: tuple[str, ...]


@contextlib.contextmanager
def strict_decoding() -> Iterator[None]:
    """A block in which Pillow refuses what may be a decompression bomb, and warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def open_picture(picture: Picture, least: tuple[int, int], *, contrast: bool = False) -> Opened:
    """Open a file, or take an array or an image.

    Args:
        picture: a path; a Pillow image; or pixels (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4
            channels, as uint8, uint16, bool, or floats in 0..1.
        least: (W, H) that a large JPEG keeps at least, if it has them.
        contrast: put transparent pictures of light ink on black; else all are put on white.

    Raises:
        CnnlabError: it cannot be read, is damaged, or is too large to be opened safely.
    """
    try:
        if not isinstance(picture, str | os.PathLike):
            image = picture if isinstance(picture, Image.Image) else _from_array(picture)
            return _upright(image, contrast)
        path = Path(os.path.expanduser(picture))
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("is not a file")
        with Image.open(path) as image:
            size = image.size
            image.draft("RGB", least)
            return _upright(image, contrast, size)
    except Exception as error:  # of damaged files Pillow raises nearly anything
        name = name_of(picture)
        raise CnnlabError(f"{name}: {_reason(error, name)}") from None


def name_of(picture: Picture, index: int | None = None) -> str:
    """The path of a picture, as it can be printed; ``picture 3`` of what has none."""
    path = picture if isinstance(picture, str | os.PathLike) else getattr(picture, "filename", "")
    if isinstance(path, str | os.PathLike) and str(path):
        text = os.fsencode(path).decode(errors="replace")
        return "".join(letter if letter.isprintable() else "?" for letter in text)
    return "picture" if index is None else f"picture {index + 1}"


def _upright(image: Image.Image, contrast: bool, size: tuple[int, int] | None = None) -> Opened:
    notes = ["16 bits to 8"] if image.mode.startswith("I") else []
    if image.mode in MODES:
        notes.append(f"from {MODES[image.mode]}")
    turned, upright = orientation(image), turned_upright(image)
    notes += _frames(image)
    width, height = size or image.size
    if turned != 1:
        notes.append("turned upright (EXIF)")
    if turned in range(5, 9):
        width, height = height, width
    ground, is_grey = "white", upright.mode in GREY
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        ground = "black" if contrast and _is_light(upright) else "white"
        if np.asarray(upright)[..., 3].min() < 255:
            notes.append(f"transparent on {ground}")
    pixels = to_8_bits(upright, image.format, ground)
    return Opened(pixels.convert("L") if is_grey else pixels, (width, height), tuple(notes))


def _frames(image: Image.Image) -> list[str]:
    """Says so where a file has more images than the first."""
    try:
        frames = getattr(image, "n_frames", 1)
    except Exception:  # one of the others is damaged
        return ["first frame"]
    # A telephone's JPEG has a preview, too.
    return [f"first of {frames} frames"] if frames > 1 and image.format != "MPO" else []


def _is_light(image: Image.Image) -> bool:
    """Whether what can be seen of a transparent image, RGBA, is lighter than middle grey."""
    alpha = np.asarray(image)[..., 3].astype(np.float64)
    grey = np.asarray(image.convert("RGB").convert("L"))
    return bool(alpha.sum() > 0 and (alpha * grey).sum() / alpha.sum() > 127)


def _from_array(pixels: NDArray[Any] | Tensor) -> Image.Image:
    if isinstance(pixels, Tensor):
        pixels = pixels.detach().to("cpu", copy=False)
        pixels = (pixels.float() if pixels.dtype == torch.bfloat16 else pixels).numpy()
    if not isinstance(pixels, np.ndarray):
        raise ValueError(f"a {type(pixels).__name__} is not a path, an array or an image")
    shape = pixels.shape
    if pixels.ndim == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if 0 in shape or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and shape[-1] == 2):
        raise ValueError(f"an array of {shape} is not a picture: (H, W), (H, W, C) or (C, H, W)")
    if np.issubdtype(pixels.dtype, np.floating):
        if not (pixels.min() >= 0 and pixels.max() <= 1):  # of NaN neither is
            raise ValueError("an array of floats must be in 0..1")
        pixels = np.round(255 * pixels).astype(np.uint8)
    elif pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    elif pixels.dtype == np.bool_:
        pixels = 255 * pixels.astype(np.uint8)
    elif pixels.dtype != np.uint8:
        raise ValueError(f"an array of {pixels.dtype} is not a picture: uint8, or floats in 0..1")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _reason(error: Exception, name: str) -> str:
    if isinstance(error, UnidentifiedImageError):
        if Path(name).suffix.lower() in HEIC:
            return "HEIC cannot be read: save it as JPEG or PNG"
        return "is not a picture, or of a format that is not known"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        most = f"{Image.MAX_IMAGE_PIXELS or 0:,} pixels"
        return f"has more than {most}: it may be a decompression bomb and is not opened"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = first_line(error)
    return said if isinstance(error, ValueError | OSError) else f"is damaged ({said})"
