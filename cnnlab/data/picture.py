"""Decoding picture files to pixels."""

import errno
import os
import struct
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cnnlab.registry import CnnlabError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
# Of a picture's proportions (`read_picture`); a number is the share of the shorter side.
Fit = Literal["squeeze", "keep", "crop"] | float
# What Pillow raises of damaged files.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError),
    *(NotImplementedError, struct.error, zlib.error, Image.DecompressionBombError),
)
# Of the file itself; another errno is of a disk, a network or too many open files, and passes.
LASTING = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.EINVAL}
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SHARES = {"keep": 1.0, "crop": 7 / 8}  # of the shorter side that the square cut out has
LONGEST = 4  # times the shorter side, of a whole picture; of a longer one the middle is taken


class UnreadablePictureError(CnnlabError):
    """A file that is not a picture, or is damaged; ``reason`` says which.

    ``passes``: reading it failed, and may succeed the next time.
    """

    def __init__(self, path: Path, error: BaseException) -> None:
        self.reason = _reason(path, error)
        super().__init__(f"cannot read the picture {path} ({self.reason})")
        number = error.errno if isinstance(error, OSError) else None
        self.passes = number is not None and number not in LASTING
        if self.passes:
            self.exit_code = 1  # no mistake of the user's


def read_pictures(
    paths: Sequence[Path], size: int, channels: Literal[1, 3], fit: Fit = "squeeze"
) -> tuple[Tensor, dict[int, str]]:
    """Decode files on every core.

    Returns:
        uint8 (N, C, size, size), in their order; and by the index of each file that is not a
        picture, or is damaged, the reason: its pixels are not set.

    Raises:
        UnreadablePictureError: reading a file failed for a reason that passes.
    """
    pixels = torch.empty((len(paths), channels, size, size), dtype=torch.uint8)
    broken: dict[int, str] = {}

    def decode(index: int) -> None:
        try:
            pixels[index] = _decode(paths[index], size, channels, fit)
        except UNREADABLE as error:
            unreadable = UnreadablePictureError(paths[index], error)
            if unreadable.passes:
                raise unreadable from None
            broken[index] = unreadable.reason

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # PIL decodes outside the GIL
        for _ in threads.map(decode, range(len(paths))):
            pass
    return pixels, dict(sorted(broken.items()))


def read_picture(path: Path, size: int, channels: Literal[1, 3], fit: Fit = "squeeze") -> Tensor:
    """Decode one file and resize it to a square: uint8 (C, size, size).

    Rotated by its EXIF orientation; transparent pixels become white; 16 bits are scaled to 8.
    ``squeeze`` resizes the whole picture to a square; ``keep`` keeps its proportions, the shorter
    side resized and the centre cut out; ``crop`` cuts out 7/8 of that: for 224 pixels, the shorter
    side is resized to 256; a number is that share.

    Raises:
        CnnlabError: the file is not a picture, is damaged, or has 32 bits or floats, whose range
            no file states.
    """
    try:
        return _decode(path, size, channels, fit)
    except UNREADABLE as error:
        raise UnreadablePictureError(path, error) from None


def read_whole(path: Path, size: int, channels: Literal[1, 3]) -> NDArray[np.uint8]:
    """Decode one file and resize its shorter side to ``size``, its proportions kept: (h, w, C).

    Of a picture more than four times as long as it is wide, the middle is taken.

    Raises:
        CnnlabError: as of `read_picture`.
    """
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))
            picture = _upright(image).convert("L" if channels == 1 else "RGB")
            shorter = min(picture.size)
            wide, high = (min(side, LONGEST * shorter) for side in picture.size)
            box = middle(picture.size, (high, wide), 1.0)
            target = (round(wide * size / shorter), round(high * size / shorter))
            resized = picture.resize(target, Image.Resampling.BILINEAR, box)
            return np.array(resized).reshape(*target[::-1], channels)
    except UNREADABLE as error:
        raise UnreadablePictureError(path, error) from None


def share_of(fit: Fit) -> float:
    """The share of the shorter side that the square cut out has."""
    return SHARES[fit] if isinstance(fit, str) else fit


def _decode(path: Path, size: int, channels: Literal[1, 3], fit: Fit) -> Tensor:
    with Image.open(path) as image:
        image.draft("RGB", (2 * size, 2 * size))  # decodes large JPEGs in part
        return fit_picture(_upright(image), (size, size), channels, fit)


def _upright(image: Image.Image) -> Image.Image:
    """Of 8 bits and opaque, too."""
    return to_8_bits(turned_upright(image), image.format)


def orientation(image: Image.Image) -> int:
    """How a picture is turned, by its EXIF: 2 to 8; 1, upright, where there is none to be read."""
    image.load()  # of some formats it comes after the pixels
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except UNREADABLE:
        return 1
    return int(found) if found in TURNS else 1


def turned_upright(image: Image.Image) -> Image.Image:
    """A copy of a picture, turned by its EXIF."""
    turn = TURNS.get(orientation(image))
    return image.copy() if turn is None else image.transpose(turn)


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}".replace(f" {str(path)!r}", "")


def to_8_bits(image: Image.Image, kind: str | None, ground: str = "white") -> Image.Image:
    """An opaque image of 8 bits in each channel.

    Args:
        kind: the format of its file, such as ``PNG``.
        ground: the colour that transparent pixels become.

    Raises:
        ValueError: it has 32 bits or floats, whose range no file states, or is in LAB colour.
    """
    if image.mode == "LAB":  # Pillow converts it to nothing
        raise ValueError("it is in LAB colour: save it as RGB")
    # Converting would clip at 255 what goes to 65535 or has no stated range. Of PNG and PPM, mode
    # I holds 16 bits; of other formats 32.
    if image.mode == "F" or (image.mode == "I" and kind not in ("PNG", "PPM")):
        raise ValueError("it has 32-bit pixels, whose range is unknown: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
    return image


def fit_picture(
    image: Image.Image, size: tuple[int, int], channels: Literal[1, 3], fit: Fit
) -> Tensor:
    """Resize an image of 8 bits to (H, W), with antialiasing: uint8 (C, H, W)."""
    image = image.convert("L" if channels == 1 else "RGB")
    box = None if fit == "squeeze" else middle(image.size, size, share_of(fit))
    image = image.resize(size[::-1], Image.Resampling.BILINEAR, box)
    return torch.from_numpy(np.array(image)).view(*size, channels).permute(2, 0, 1)


def middle(
    image: tuple[int, int], size: tuple[int, int], share: float
) -> tuple[float, float, float, float]:
    """The rectangle (left, top, right, bottom) with the proportions of ``size``, in the centre.

    Args:
        image: (W, H) of the picture that it is cut from.
        size: (H, W).
        share: of the longest sides with these proportions that fit in.
    """
    width, height = image
    across = share * min(width, height * size[1] / size[0])
    down = across * size[0] / size[1]
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down
