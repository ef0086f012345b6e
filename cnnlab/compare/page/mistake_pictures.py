"""The most confident mistakes as pictures: those that the runs of the best rows have kept."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnlab.compare.comparison import Comparison, Configuration
from cnnlab.runs.mistakes import Mistakes, read_mistakes
from cnnlab.runs.read_file import DamagedFileError

MOST_ROWS = 4
MOST_PICTURES, MOST_OF_OTHERS = 24, 12  # of the first row; of each other one


@dataclass(frozen=True)
class Picture:
    """One test image.

    Attributes:
        data: a PNG as a data URI.
        seeds: in words, of the networks that made this mistake.
    """

    data: str
    width: int
    height: int
    truth: str
    guess: str
    confidence: float
    index: int
    seeds: str


def mistake_pictures(comparison: Comparison) -> list[tuple[str, list[Picture]]]:
    """Label and pictures of the first rows that have any, the most confident mistake first."""
    found: list[tuple[str, list[Picture]]] = []
    for row in comparison.rows:
        if len(found) == MOST_ROWS:
            break
        if pictures := _of_row(row, MOST_OF_OTHERS if found else MOST_PICTURES):
            found.append((row.label, pictures))
    return found


def _of_row(row: Configuration, most: int) -> list[Picture]:
    """The mistakes of all its seeds; one that several make is shown once."""
    # by image and answer: confidence, seed, and the file it is in
    seen: dict[tuple[int, int], list[tuple[float, int, Mistakes, int]]] = {}
    names: Sequence[str] = ()
    for run in row.runs:
        try:
            mistakes = read_mistakes(run.folder.path / "mistakes.npz")
        except DamagedFileError:  # runs made before have none
            continue
        record = run.test_set.record
        names = names or (record.classes if record is not None else ())
        for i in range(len(mistakes)):
            key = int(mistakes.index[i]), int(mistakes.predicted[i])
            seen.setdefault(key, []).append((float(mistakes.confidence[i]), run.seed, mistakes, i))
    ranked = sorted(seen.items(), key=lambda item: -max(made[0] for made in item[1]))
    pictures = []
    for (index, predicted), made in ranked[:most]:
        confidence, _, mistakes, i = max(made, key=lambda each: each[0])
        seeds = sorted(seed for _, seed, _, _ in made)
        pixels = mistakes.pixels[i]
        pictures.append(
            Picture(
                data=png(pixels),
                width=pixels.shape[2],
                height=pixels.shape[1],
                truth=_name(names, int(mistakes.labels[i])),
                guess=_name(names, predicted),
                confidence=confidence,
                index=index,
                seeds=f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}",
            )
        )
    return pictures


def _name(names: Sequence[str], label: int) -> str:
    return names[label] if label < len(names) else str(label)


def png(pixels: NDArray[np.uint8]) -> str:
    """A data URI.  uint8 (C, H, W); of other than 1 or 3 channels the first is shown."""
    from PIL import Image

    is_color = pixels.shape[0] == 3
    image = Image.fromarray(pixels.transpose(1, 2, 0) if is_color else pixels[0])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
