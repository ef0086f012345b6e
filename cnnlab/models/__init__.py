"""Every architecture of this package, one file each, exported under its class name.

A new file with a registered class appears here by itself: ``from cnnlab.models import ResNet``.
"""

import importlib
import pkgutil
from typing import Any

from cnnlab.registry import MODELS

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

_exported = {
    entry.component.__name__: entry.component
    for entry in MODELS
    if entry.component.__module__.startswith(f"{__name__}.")
}
globals().update(_exported)
__all__ = sorted(_exported)


def __getattr__(name: str) -> Any:
    # Reached only by names that are not exported; tells type checkers that the rest are.
    raise AttributeError(f"cnnlab.models has no '{name}'; it has {', '.join(__all__)}")
