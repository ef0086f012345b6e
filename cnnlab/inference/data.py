"""The data set of a run, found again: from its config, at the present place of its files."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.sets.earlier_folder import as_version_1
from cnnlab.data.sets.folder import Folder
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.data_record import DataRecord, difference
from cnnlab.runs.ensemble_record import member_runs
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir
from cnnlab.spec import ImageSpec


def find_dataset(folder: RunDir, config: RunConfig, *, same_test_set: bool = False) -> ImageDataset:
    """The run's data set, whose classes are those that the model was trained on.

    Args:
        same_test_set: refuse data of which it is known, before they are loaded, that other images
            are in the test set than in the run's; else a change is only said.

    Raises:
        CnnlabError: its files are not there, or have other classes.
    """
    dataset: ImageDataset = build(DATASETS, _where_it_lies(folder, config))
    if isinstance(dataset, Folder) and "proportions" not in folder.config()["data"]:
        return as_version_1(dataset, config.data["subset"])
    now, recorded = DataRecord.of(dataset), DataRecord.read(folder)
    if now is not None and recorded is not None and (change := difference(recorded, now)):
        is_other = same_test_set and recorded.parts["test"] != now.parts["test"]
        if is_other or recorded.classes != now.classes:
            raise CnnlabError(f"{folder}: its data have changed: {change}")
        print(f"{folder}: its data have changed: {change}", file=sys.stderr)
    return dataset


def recorded_spec(folder: RunDir, config: RunConfig) -> ImageSpec | None:
    """What the run's model was built for, without reading its data; None if they must be read.

    Raises:
        DamagedFileError: data.json cannot be read.
    """
    record = DataRecord.read(folder)
    if record is None or record.spec is not None or config.data["name"] != "folder":
        return None if record is None else record.spec
    size, channels = (int(config.data[name]) for name in ("size", "channels"))
    return Folder.spec_of(record.classes, size=size, channels=channels)


def require_same_images(folder: RunDir, spec: ImageSpec, found: ImageSpec) -> None:
    """Refuse a data set of other images than the model's.

    Raises:
        DamagedFileError: a config that was edited by hand describes them.
    """
    if (spec.shape, spec.num_classes) != (found.shape, found.num_classes):
        raise DamagedFileError(
            f"{folder.config_file}: its data are images of {found} in {found.num_classes} classes, "
            f"but the model takes {spec} in {spec.num_classes}"
        )


def _where_it_lies(folder: RunDir, config: RunConfig) -> dict[str, Any]:
    """The options of the data set, a relative root as seen from where the run was started."""
    root = config.data.get("root")
    if not isinstance(root, str) or not root or Path(os.path.expanduser(root)).is_absolute():
        return config.data
    places = [str(start / root) for start in _started_in(folder, config)]
    there = (place for place in (*places, root) if Path(place).exists())
    return {**config.data, "root": next(there, (*places, root)[0])}


def _started_in(folder: RunDir, config: RunConfig) -> Iterator[Path]:
    """Where the run was started: what was recorded; what has ``runs_dir`` in it, if it moved."""
    recorded = folder.status().get("directory")
    if isinstance(recorded, str):
        yield Path(recorded)
    folder = next(iter(member_runs(folder)), folder)  # an ensemble is in a folder of its own
    above, parts = folder.path.absolute().parent.parent, Path(config.runs_dir).parts
    if above.parts[len(above.parts) - len(parts) :] == parts:
        yield Path(*above.parts[: len(above.parts) - len(parts)])
