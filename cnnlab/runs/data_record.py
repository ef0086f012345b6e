"""What data a run was trained and tested on: ``data.json`` in its folder, and what has changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.read_file import DamagedFileError, read_mapping
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec
from cnnlab.text import plural, shortened

if TYPE_CHECKING:
    from cnnlab.data.dataset import ImageDataset, Splits

PARTS = ("train", "val", "test")
SIZES = ("channels", "height", "width", "num_classes")


@dataclass(frozen=True)
class Part:
    """One of train, val and test.

    Attributes:
        count: number of images.
        digest: 12 hexadecimal digits for which images they are. Of the user's own files: their
            names, sizes and a fingerprint of their contents. Of other sets: which originals.
    """

    count: int
    digest: str


@dataclass(frozen=True)
class DataRecord:
    """The data of one run. Two runs have the same test set where ``parts["test"]`` is equal.

    Attributes:
        classes: their names, in the order of the labels.
        parts: train, val and test.
        spec: what the model was built for; no matter for what the data are. None in records made
            before it was recorded.
    """

    classes: tuple[str, ...]
    parts: Mapping[str, Part]
    spec: ImageSpec | None = field(default=None, compare=False)

    def write(self, folder: str | Path | RunDir) -> None:
        """Write data.json into a run folder."""
        parts = {name: vars(part) for name, part in self.parts.items()}
        content: dict[str, object] = {"classes": self.classes, "parts": parts}
        if self.spec is not None:
            content["images"] = {name: getattr(self.spec, name) for name in (*SIZES, "mean", "std")}
        write_text(RunDir(Path(folder)).data_file, json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, folder: str | Path | RunDir) -> "DataRecord | None":
        """The record of a run; None where it has none, as runs made before.

        Raises:
            DamagedFileError: data.json cannot be read, or does not hold a record.
        """
        file = RunDir(Path(folder)).data_file
        content = read_mapping(file, json.loads, lambda _: "")
        if content is None:
            return None
        try:
            parts = {
                name: Part(
                    int(content["parts"][name]["count"]), str(content["parts"][name]["digest"])
                )
                for name in PARTS
            }
            if not isinstance(content["classes"], list):
                raise TypeError
            classes = tuple(map(str, content["classes"]))
            spec = _spec(content["images"], classes) if "images" in content else None
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise DamagedFileError(
                f"{file}: does not hold classes, sizes, and count and digest of {', '.join(PARTS)}"
            ) from error
        return cls(classes, parts, spec)

    @classmethod
    def of(cls, dataset: "ImageDataset", splits: "Splits | None" = None) -> "DataRecord | None":
        """The record of a data set; None where its images must be loaded first.

        Args:
            splits: its loaded images.
        """
        known = dataset.part_digests(splits)
        if known is None:
            return None
        parts = {name: Part(*known[name]) for name in PARTS}
        return cls(dataset.spec.class_names, parts, dataset.spec)

    @property
    def digest(self) -> str:
        """12 hexadecimal digits of all of it."""
        text = json.dumps([self.classes, {name: vars(p) for name, p in self.parts.items()}])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _spec(images: Mapping[str, Any], classes: tuple[str, ...]) -> ImageSpec:
    """The spec that a record holds.

    Raises:
        ValueError, TypeError, KeyError: it holds none.
    """
    sizes = {name: images[name] for name in SIZES}
    mean, std = (tuple(map(float, images[name])) for name in ("mean", "std"))
    spec = ImageSpec(**sizes, class_names=classes, mean=mean, std=std)
    whole = all(type(size) is int and size > 0 for size in sizes.values())
    fits = len(classes) in (0, spec.num_classes)
    if not whole or not fits or {len(mean), len(std)} - {0, spec.channels}:
        raise ValueError
    return spec


def check_unchanged(
    folder: RunDir,
    dataset: "ImageDataset",
    splits: "Splits",
    composed: DataRecord | None = None,
) -> DataRecord:
    """The record of the loaded data, which must be those that a continued run began with.

    Args:
        composed: that of the time when the command was composed.

    Raises:
        CnnlabError: they have changed; in one line, what.
    """
    now = DataRecord.of(dataset, splits)
    assert now is not None
    for began, recorded in ((folder.name, DataRecord.read(folder)), ("this command", composed)):
        if recorded is not None and (change := difference(recorded, now)):
            raise CnnlabError(f"the data have changed since {began} began: {change}")
    return now


def difference(recorded: DataRecord, now: DataRecord) -> str | None:
    """What has changed in the data since they were recorded, in one line; None if nothing."""
    changes = [_classes(recorded.classes, now.classes)] if recorded.classes != now.classes else []
    for name in PARTS:
        before, after = recorded.parts[name], now.parts[name]
        if before.count != after.count:
            changes.append(f"{name} had {plural(before.count, 'image')}, now {after.count:,}")
        elif before.digest != after.digest:
            changes.append(f"{name} has different images or contents")
    return "; ".join(changes) or None


def _classes(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    gone, added = _without(before, after), _without(after, before)
    both = (("lost", gone), ("new", added))
    said = [f"{what} {shortened(names)}" for what, names in both if names]
    return "classes: " + (", ".join(said) if said else "in a different order")


def _without(names: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    return [name for name in names if name not in set(others)]
