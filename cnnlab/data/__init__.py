"""Data sets, exported by class name: ``data.CIFAR10.spec``.

A new file in sets/ with a registered class is exported automatically. Read in this order:
    dataset   the base class, and the split into training, validation and test
    sets/     one data set per file; files/: those of downloaded sets, verified and unpacked
    layout    which folders are classes, and which are parts (part_names); the split of own folders
    scan      files below a folder: names and fingerprints; notes: what is said of them
    picture   decoding picture files; decode: all of a data set's; packing/: into a mapped file
    free_memory  how much there is
    loading/  from images in memory to batches of a step; augmentations/: random changes of these
"""

import importlib
import pkgutil
from typing import Any

from cnnlab.data import sets
from cnnlab.registry import DATASETS

for _module in pkgutil.iter_modules(sets.__path__):
    importlib.import_module(f"{sets.__name__}.{_module.name}")

_exported = {
    entry.component.__name__: entry.component
    for entry in DATASETS
    if entry.component.__module__.startswith(f"{__name__}.")
}
globals().update(_exported)
__all__ = sorted(_exported)


def __getattr__(name: str) -> Any:
    # For names that are not exported; it also tells type checkers that any name may exist.
    raise AttributeError(f"cnnlab.data has no '{name}'; it has {', '.join(__all__)}")
