"""Bring every component into the registries: ours, installed plug-ins', and named modules'.

A module of the user's is imported only because the user named it, on the command line or in
``CNNLAB_IMPORT``, or installed it under the entry-point group ``cnnlab``; never because a saved
config mentions it.
"""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoints, entry_points

from cnnlab.registry import CnnlabError

OURS = (
    *("models", "data", "data.augmentations", "training.optim", "training.muon"),
    *("training.schedule", "training.plateau", "training.tasks", "training.losses"),
    *("training.extra_metrics", "training.loggers", "training.callback_options"),
)
ENVIRONMENT = "CNNLAB_IMPORT"  # module names, separated by commas; workers read it too


def named_imports(more: Iterable[str] = ()) -> list[str]:
    """The modules that the user named, from the environment and from ``more``, each once."""
    listed = [*os.environ.get(ENVIRONMENT, "").split(","), *more]
    return list(dict.fromkeys(name.strip() for name in listed if name.strip()))


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Leave out garbage collection, for a block that makes much and leaves no garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Leave out garbage collection, a fifth of the time of large imports, which leave no garbage.

    What the block has made is not looked through later either.
    """
    with without_collection():
        try:
            yield
        finally:
            gc.freeze()


@cache
def _plug_ins() -> EntryPoints:
    """Read once: every installed package is looked at, which takes as long as all the rest."""
    return entry_points(group="cnnlab")


def discover(imports: Iterable[str] = ()) -> None:
    """Import whatever registers components.

    Raises:
        CnnlabError: a named module cannot be imported.
    """
    imports = list(imports)
    if not all(name.strip() for name in imports):
        raise CnnlabError("--import needs the name of a module")
    for ours in OURS:
        importlib.import_module(f"cnnlab.{ours}")
    for point in _plug_ins():
        point.load()
    names = named_imports(imports)
    if names and os.getcwd() not in sys.path:  # an installed command does not look where it stands
        sys.path.append(os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise CnnlabError(f"--import {name}: {error} (looked in {os.getcwd()} too)") from error
    if names:
        os.environ[ENVIRONMENT] = ",".join(names)  # for worker processes
