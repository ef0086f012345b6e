"""Data sets, one file each, exported under their class names: ``data.CIFAR10.spec``.

A new file in ``sets/`` with a registered class appears here by itself.
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
    # Reached only by names that are not exported; tells type checkers that the rest are.
    raise AttributeError(f"cnnlab.data has no '{name}'; it has {', '.join(__all__)}")
