"""A classifier's most confident mistakes on the test set: ``mistakes.npz`` in its run folder.

Pictures of them are small enough to be kept by every run, so that a report needs neither the data
set nor the network.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnlab.runs.durable import replacing
from cnnlab.runs.read_file import DamagedFileError, reason, require_file

MAX_MISTAKES = 25
MAX_SIDE = 64  # pixels of a picture's height and width
LARGEST = 2**24  # bytes of an array that is read
DTYPES = {
    "pixels": np.dtype(np.uint8),
    "labels": np.dtype(np.int64),
    "predicted": np.dtype(np.int64),
    "confidence": np.dtype(np.float32),
    "index": np.dtype(np.int64),
}


@dataclass(frozen=True)
class Mistakes:
    """M wrongly classified test images, the most confident mistake first.

    Attributes:
        pixels: uint8 (M, C, H, W); H and W are at most 64.
        labels: the right classes, int64 (M,).
        predicted: the network's answers, int64 (M,).
        confidence: the probabilities that it gave them, float32 (M,).
        index: their positions in the test set, int64 (M,).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def most_confident_mistakes(
    logits: NDArray[np.floating], labels: NDArray[np.integer], limit: int = MAX_MISTAKES
) -> NDArray[np.int64]:
    """Which images get a wrong answer with the highest probability, the highest first.

    Images without a probability, as of NaN logits, are left out. Equal ones stay in their order.

    Args:
        logits: (N, K), or anything that softmax makes the same probabilities of, such as their
            logarithms.
        labels: (N,).
        limit: the largest number of images.

    Returns:
        int64 (M,), positions in 0..N-1.
    """
    wrong = np.flatnonzero(logits.argmax(1) != labels)
    odds = _odds_against(logits[wrong])
    order = np.argsort(odds, kind="stable")[:limit]
    return wrong[order[~np.isnan(odds[order])]]


def confidences(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """The probability, by softmax, of the most probable class, float32 (N,).

    Args:
        logits: (N, K).
    """
    return (1 / (1 + _odds_against(logits))).astype(np.float32)


def _odds_against(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """The other classes' probability divided by that of the most probable one, (N,).

    It still tells answers apart whose probabilities are all rounded to 1.
    """
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        odds = logits - logits.max(1, keepdims=True)
    np.exp(odds, out=odds)
    unknown = np.isnan(odds).any(1)
    odds[np.arange(len(odds)), logits.argmax(1)] = 0
    total: NDArray[np.floating] = odds.sum(1)
    total[unknown] = np.nan
    return total


def write_mistakes(
    file: Path,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    confidence: NDArray[np.floating],
    index: NDArray[np.integer],
) -> None:
    """Write a ``mistakes.npz``; larger pictures are scaled down to sides of at most 64 pixels.

    Args:
        pixels: uint8 (M, C, H, W).
        labels, predicted, confidence, index: (M,), as in `Mistakes`.

    Raises:
        OSError: it cannot be written.
    """
    arrays = {
        "pixels": _scaled_down(pixels),
        "labels": labels,
        "predicted": predicted,
        "confidence": confidence,
        "index": index,
    }
    typed = {name: np.asarray(array, DTYPES[name]) for name, array in arrays.items()}
    with replacing(file) as opened:
        np.savez_compressed(opened, **typed)  # type: ignore[arg-type]


def read_mistakes(file: Path) -> Mistakes:
    """The content of a ``mistakes.npz``. Its labels may be of classes that the data do not have.

    Raises:
        DamagedFileError: there is none, or it is damaged.
    """
    try:
        require_file(file)
        with zipfile.ZipFile(file) as content:
            if any(part.file_size > LARGEST for part in content.infolist()):
                raise ValueError("is too large")
        with np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in DTYPES}
    except KeyError as error:
        raise DamagedFileError(f"{file}: {error.args[0]}") from error
    except (
        *(OSError, ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise DamagedFileError(f"{file}: {reason(error)}") from error
    if fault := _fault(found):
        raise DamagedFileError(f"{file}: {fault}")
    return Mistakes(**found)


def _fault(arrays: dict[str, NDArray[np.generic]]) -> str:
    """What is wrong with the arrays of a file, in some words; empty where nothing is."""
    for name, array in arrays.items():
        if array.dtype != DTYPES[name] or array.ndim != (4 if name == "pixels" else 1):
            return f"{name} is {array.dtype} {array.shape}"
    if len({len(array) for array in arrays.values()}) > 1:
        return "the arrays differ in length"
    if any((arrays[name] < 0).any() for name in ("labels", "predicted", "index")):
        return "a label or a position is negative"
    confidence = arrays["confidence"]
    return "" if ((confidence >= 0) & (confidence <= 1)).all() else "a confidence is not in 0..1"


def _scaled_down(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures (M, C, H, W) with sides of at most ``MAX_SIDE``, in the same proportions."""
    count, channels, *sides = pixels.shape
    scale = MAX_SIDE / max(sides)
    if scale >= 1 or count == 0:
        return pixels
    from PIL import Image

    height, width = (max(1, round(side * scale)) for side in sides)
    small = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS)
        for plane in pixels.reshape(-1, *sides)
    ]
    return np.stack([np.asarray(plane) for plane in small]).reshape(count, channels, height, width)
