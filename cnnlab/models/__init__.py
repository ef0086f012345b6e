"""Architectures, one file each, exported by class name: ``from cnnlab.models import ResNet``.

A new file with a registered class is exported automatically. Read in this order:
    mlp, lenet5       the simplest
    layers, residual  what two or more architectures use
    the others        each alone; their variants are in conf/model
    stack/            a network written as lines of a config
    external          networks of torchvision and timm
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
    # For names that are not exported; it also tells type checkers that any name may exist.
    raise AttributeError(f"cnnlab.models has no '{name}'; it has {', '.join(__all__)}")
