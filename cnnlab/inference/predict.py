"""Pictures in, classes out: a trained classifier on anybody's files, arrays or images."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cnnlab.config.options import RunConfig
from cnnlab.data.loading.datamodule import eval_batch_size
from cnnlab.data.scan import list_pictures
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.inference.preprocess.opening import Picture, name_of, strict_decoding
from cnnlab.inference.preprocess.preprocess import Prepared, Preprocess
from cnnlab.registry import CnnlabError
from cnnlab.runs.read_file import reason
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.text import plural, shortened

MOST_AT_ONCE = 256  # pictures that are decoded before the network sees them


class Classifier(Protocol):
    """What is needed of a loaded run."""

    @property
    def folder(self) -> RunDir: ...
    @property
    def config(self) -> RunConfig: ...
    @property
    def spec(self) -> ImageSpec: ...
    @property
    def tested(self) -> nn.Module: ...
    @property
    def preprocess(self) -> Preprocess: ...


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        file: its path; ``picture 1`` of the first that has none.
        classes: their names, the most probable first.
        probabilities: theirs, in the same order.
        notes: what was done to the picture, such as ``inverted (dark on light)``.
        pixels: what the network saw, before normalisation: uint8 (C, H, W).
        thumbnail: the picture itself, small: uint8 (h, w, 3).
    """

    file: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    notes: tuple[str, ...]
    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    thumbnail: NDArray[np.uint8] = field(repr=False, compare=False)


def find_pictures(pictures: Picture | Iterable[Picture]) -> tuple[list[Picture], list[str]]:
    """Files as they are, folders as the pictures in and below them, sorted; and what is ignored.

    Raises:
        CnnlabError: there is no such file or folder, or no picture.
    """
    found, notes = list[Picture](), list[str]()
    for picture in _each(pictures):
        if not isinstance(picture, str | os.PathLike):
            found.append(picture)
            continue
        path = Path(os.path.expanduser(picture))
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):  # or a name with a null byte
            raise CnnlabError(f"{name_of(picture)}: no such file or folder") from None
        except OSError as error:
            raise CnnlabError(f"{name_of(picture)}: {reason(error)}") from error
        if is_folder:
            inside, ignored = _inside(path)
            found += inside
            notes += ignored
        else:
            found.append(path)
    if not found:
        raise CnnlabError("no pictures were named")
    return found, notes


def predict(
    run: Classifier,
    pictures: Picture | Iterable[Picture],
    *,
    top: int | None = None,
    skip_broken: bool = False,
) -> list[Prediction]:
    """The classes of pictures, the most probable first: `predict` of a loaded run."""
    if top is not None and top < 1:
        raise CnnlabError(f"top={top} must be at least 1, or None for all classes")
    found, _ = find_pictures(pictures)
    answers = list(predictions_of(run, found, top=top))
    broken = [answer for answer in answers if isinstance(answer, str)]
    if broken and not skip_broken:
        more = f" (and {len(broken) - 1:,} more)" if len(broken) > 1 else ""
        raise CnnlabError(f"{broken[0]}{more}; skip_broken=True leaves out what cannot be read")
    return [answer for answer in answers if isinstance(answer, Prediction)]


def predictions_of(
    run: Classifier, pictures: Sequence[Picture], *, top: int | None = None
) -> Iterator[Prediction | str]:
    """The prediction for each picture, in their order, or in words why it cannot be read.

    Raises:
        CnnlabError: the run is no classifier.
    """
    require_classifier(run)
    preprocess, spec = run.preprocess, run.spec
    device = next((p.device for p in run.tested.parameters()), torch.device("cpu"))
    names = spec.class_names or tuple(map(str, range(spec.num_classes)))
    step = min(MOST_AT_ONCE, eval_batch_size(spec, 1))
    for first in range(0, len(pictures), step):
        part = pictures[first : first + step]
        prepared = _prepare(preprocess, part)
        good = [each for each in prepared if isinstance(each, Prepared)]
        answers: Iterator[tuple[list[float], list[int]]] = iter(())
        if good:
            inputs = preprocess.normalise(torch.stack([each.pixels for each in good]))
            with eval_mode(run.tested):
                outputs = run.tested(inputs.to(device)).float().softmax(1).cpu()
            best = outputs.topk(min(top or len(names), len(names)))
            answers = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        for number, each in enumerate(prepared, first):
            if isinstance(each, str):
                yield each
                continue
            probabilities, indices = next(answers)
            yield Prediction(
                name_of(pictures[number], number),
                tuple(names[index] for index in indices),
                tuple(probabilities),
                each.notes,
                each.pixels.numpy(),
                each.thumbnail,
            )


def require_classifier(run: Classifier) -> None:
    """Refuse a network without classes.

    Raises:
        CnnlabError: it is one.
    """
    if run.config.task.name != "classify":
        name = run.config.model["name"]
        raise CnnlabError(f"{run.folder}: model={name} is no classifier: it predicts no classes")


def _each(pictures: Picture | Iterable[Picture]) -> Iterable[Picture]:
    """One picture or several, as several; an array (N, C, H, W) is N."""
    single = not isinstance(pictures, Iterable) or isinstance(
        pictures, str | bytes | os.PathLike | Image.Image | np.ndarray | Tensor
    )
    if single and getattr(pictures, "ndim", 0) != 4:
        return [cast(Picture, pictures)]
    return cast(Iterable[Picture], pictures)


def _prepare(preprocess: Preprocess, pictures: Sequence[Picture]) -> list[Prepared | str]:
    def prepare(picture: Picture) -> Prepared | str:
        try:
            return preprocess.prepare(picture)
        except CnnlabError as error:
            return str(error)

    with strict_decoding(), ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(prepare, pictures))


def _inside(folder: Path) -> tuple[Sequence[Path], list[str]]:
    try:
        listing = list_pictures(folder)
    except OSError as error:
        raise CnnlabError(f"{name_of(error.filename or folder)}: {error.strerror}") from None
    ignored, name = listing.passed_over, name_of(folder)
    others = f"of other kinds ({shortened(sorted(ignored))})" if ignored else ""
    number = plural(ignored.total(), "file")
    if not listing.pictures:
        there = f", only {number} {others}" if ignored else ""
        raise CnnlabError(f"{name}: no pictures in it{there}")
    return listing.pictures, [f"{name}: {number} ignored, {others}"] if ignored else []
