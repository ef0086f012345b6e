"""``data=folder`` as version 1 split and resized it, so that its runs can be tested again."""

from collections.abc import Mapping, Sequence

import numpy as np

from cnnlab.data.dataset import SPLIT_SEED
from cnnlab.data.layout import SPLIT_FRACTION, Classes
from cnnlab.data.scan import Labelled, list_pictures
from cnnlab.data.sets.folder import Folder

LATER_SUFFIX = ".jfif"  # not read then


def as_version_1(dataset: Folder, subset: int | None) -> Folder:
    """The data set of a run of version 1, from that of its options as they are read now.

    Its split depended on the number of pictures of each class: it is what it was only where
    ``split`` in the run's result is the digest of the loaded one.
    """
    dataset.proportions = "squeeze"
    dataset.use(split_by_position(dataset.spec.class_names, dataset.classes), subset)
    return dataset


def split_by_position(names: Sequence[str], parts: Mapping[str, Classes]) -> dict[str, Labelled]:
    """Files and labels of train, val and test; missing parts are a permutation of positions."""
    missing = [part for part in ("val", "test") if part not in parts]
    split: dict[str, Labelled] = {"train": [], "val": [], "test": []}
    for label, name in enumerate(names):
        files = {
            part: [f for f in list_pictures(at[name]).pictures if f.suffix.lower() != LATER_SUFFIX]
            for part, at in parts.items()
            if name in at
        }
        train = files.pop("train")
        order = np.random.RandomState(SPLIT_SEED).permutation(len(train)).tolist()
        count = max(1, round(SPLIT_FRACTION * len(train)))
        for part in missing:
            files[part] = [train[i] for i in sorted(order[:count])]
            order = order[count:]
        files["train"] = [train[i] for i in sorted(order)]
        for part, paths in files.items():
            split[part] += [(path, label) for path in paths]
    return split
