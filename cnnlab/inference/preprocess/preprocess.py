"""From anybody's picture to a normalised input of a run's network."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.config.options import RunConfig
from cnnlab.config.schema import to_dict
from cnnlab.data.dataset import Ink
from cnnlab.data.loading.normalise import Normalise
from cnnlab.data.picture import Fit, fit_picture, middle, share_of
from cnnlab.data.sets.folder import shorter_side
from cnnlab.inference.preprocess.ink import WORKING, draw_ink, is_on_light
from cnnlab.inference.preprocess.opening import GREY, Opened, Picture, open_picture, strict_decoding
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec

THUMBNAIL = 96  # pixels of the longer side


@dataclass(frozen=True)
class Prepared:
    """A picture as the network sees it.

    Attributes:
        pixels: uint8 (C, H, W), before they are normalised.
        notes: what was done to the picture, in words.
        thumbnail: of the picture itself, uint8 (h, w, 3).
    """

    pixels: Tensor
    notes: tuple[str, ...]
    thumbnail: NDArray[np.uint8]


class Preprocess:
    """A picture as the input of a network: float32 (1, C, H, W), normalised.

    Pictures are resized with antialiasing as those of the run's own test set, and made grey or
    colour. Where that is of white drawings on black, dark ones on light are inverted, and digits
    cropped to the ink, but not those that have the network's size already.

    Args:
        fit: how pictures keep their proportions, as `read_picture` has it.
        ink: how drawings became the images of the data set; None of photographs.
    """

    def __init__(self, spec: ImageSpec, fit: Fit = "keep", ink: Ink | None = None) -> None:
        if spec.channels not in (1, 3):
            raise CnnlabError(
                f"the network takes images of {spec.channels} channels; pictures have 1 or 3"
            )
        self.spec, self.fit, self.ink = spec, fit, ink if spec.channels == 1 else None
        self.channels: Literal[1, 3] = 1 if spec.channels == 1 else 3
        self.normalise = Normalise(spec)

    @classmethod
    def of(cls, folder: RunDir, config: RunConfig, spec: ImageSpec) -> "Preprocess":
        """That of a run."""
        name = config.data["name"]
        fit: Any = "crop" if name == "imagenet" else config.data.get("proportions", "keep")
        if name == "folder" and "proportions" not in folder.config()["data"]:
            fit = "squeeze"  # as all pictures of runs made before the option
        if name in ("folder", "imagenet"):
            crops = to_dict(config.data)["augment"].get("random_resized_crop")
            shorter = shorter_side(config.data.get("resize"), spec.height, crops)
            fit = fit if shorter is None else spec.height / shorter
        return cls(spec, fit, getattr(DATASETS[name].component, "ink", None))

    def __call__(self, picture: Picture) -> Tensor:
        """The input for one picture: a path, an array or tensor of pixels, or a Pillow image.

        Raises:
            CnnlabError: it cannot be read.
        """
        with strict_decoding():
            return self.normalise(self.prepare(picture).pixels[None])

    def prepare(self, picture: Picture) -> Prepared:
        """The pixels that are normalised, and what was done to the picture.

        Raises:
            CnnlabError: it cannot be read.
        """
        size = self.spec.height, self.spec.width
        most = 2 * max(size)  # as for the pictures of a folder
        if self.ink is not None:
            most = max(most, WORKING)
        opened = open_picture(picture, (most, most), contrast=self.ink is not None)
        pixels, notes = self._pixels(opened, size)
        thumbnail = opened.image.convert("RGB")
        thumbnail.thumbnail((THUMBNAIL, THUMBNAIL))
        return Prepared(pixels, (*opened.notes, *notes), np.asarray(thumbnail))

    def _pixels(self, opened: Opened, size: tuple[int, int]) -> tuple[Tensor, list[str]]:
        image, notes = opened.image, list[str]()
        grey = image.mode in GREY
        if grey != (self.channels == 1):
            notes.append("colour from grey" if grey else "grey")
        fits = opened.size == size[::-1]
        cut = self._cut(opened, size)
        resized = [] if fits else [f"resized to {size[1]}x{size[0]}"]
        if self.ink is None:
            return fit_picture(image, size, self.channels, self.fit), [*notes, *cut, *resized]
        plane = image.convert("L")
        if self.ink.fill is not None and not fits:
            drawn = draw_ink(plane, self.ink, size, opened.size)
            if drawn is not None:
                return drawn[0], [*notes, *drawn[1], *resized]
            notes.append("no ink found")
        pixels = fit_picture(plane, size, self.channels, self.fit)
        if is_on_light(np.asarray(plane)):
            pixels = 255 - pixels
            notes.append("inverted (dark on light)")
        return pixels, [*notes, *cut, *resized]

    def _cut(self, opened: Opened, size: tuple[int, int]) -> list[str]:
        """Which part of the picture is used, where it is not all."""
        if self.fit == "squeeze":
            return []
        left, top, right, bottom = middle(opened.size, size, share_of(self.fit))
        across, down = (max(1, round(length)) for length in (right - left, bottom - top))
        return [] if (across, down) == opened.size else [f"cropped to the middle {across}x{down}"]
