"""Runs of the first edition, recognised as version 1 of their components.

Their status.json has, in place of a version, a digest of the bytes of the files that define the
model and the data set. Such a digest is computed only to recognise the user's own file.
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnlab.config.schema import options
from cnnlab.registry import CnnlabError, Entry, Flags
from cnnlab.runs.essential import digest, essential, without_seed
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.source_digest import is_ours
from cnnlab.runs.weights import weights_identity

# What the package registered then.
MODELS = """alexnet autoencoder conv_autoencoder conv_stack convnext densenet encoder_classifier
    lenet5 lenet5_1998 mlp resnet resnet_imagenet timm torchvision vgg wide_resnet"""
DATASETS = "cifar10 cifar100 digits fashion_mnist folder imagenet kmnist mnist synthetic"
COMPONENTS = {"model": MODELS.split(), "data": DATASETS.split()}
FIRST_VERSION = "v1"


def is_bytes_digest(source: str | None) -> bool:
    """Whether a component's source was written by the first edition."""
    return source is not None and re.fullmatch("[0-9a-f]{12}", source) is not None


def earlier_source(kind: str, entry: Entry) -> str | None:
    """What a first-edition run of this component has as its source, once recognised.

    None: it was not recorded (optim, schedule), or the component has changed since.
    """
    if kind not in COMPONENTS:
        return None
    if not is_ours(entry.component):
        return bytes_digest(entry.component)
    same = entry.version == 1 and entry.name in COMPONENTS[kind]
    return FIRST_VERSION if same else None


def bytes_digest(component: Callable[..., Any]) -> str:
    """Of the files that define a component and that it takes names from beside it, as they are."""
    files = sorted(defining_files(component.__module__, set()))
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()[:12] if files else ""


def defining_files(module: str, seen: set[str]) -> set[Path]:
    """A module's file and, of the same package, those of everything that it took names from."""
    seen.add(module)
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if loaded is None or file is None:
        return set()
    files = {Path(file)}
    package = module.rpartition(".")[0]
    for value in list(vars(loaded).values()):
        other = getattr(value, "__module__", None)
        if package and isinstance(other, str) and other.startswith(f"{package}."):
            files |= set() if other in seen else defining_files(other, seen)
    return files


def earlier_flags(
    flags: Mapping[str, Mapping[str, Flags]], dataset: Callable[..., Any]
) -> dict[str, Mapping[str, Flags]]:
    """The flags of components' options by the first edition's rule for ``data.root``.

    One that need not be given was not part of the identity, whatever the data set.
    """
    root = options(dataset).get("root")
    anywhere = {} if root is None or root.required else {"root": Flags(identity=False)}
    return {**flags, "data": {**flags["data"], **anywhere}}


def groups_of(runs: Sequence[RunDir]) -> list[str]:
    """Which rows of a comparison the runs belong to, those of the first edition beside ours."""
    identities = [run.status().get("identity") or {} for run in runs]
    now = {past["earlier_group"]: past["group"] for past in identities if "earlier_group" in past}
    groups = [str(group_of(run)) for run in runs]
    return [now.get(group, group) for group in groups]


def group_of(run: RunDir) -> str | None:
    """The group of a run, which first-edition runs of the same config and components share.

    Theirs is computed from config.yaml where that gives the one in status.json too, as the first
    edition computed it; else the one in status.json stands.
    """
    identity = run.status().get("identity") or {}
    group, sources = identity.get("group"), identity.get("sources") or {}
    if not any(map(is_bytes_digest, sources.values())):
        return group
    try:
        config = run.config()
        names = {kind: config[kind]["name"] for kind in COMPONENTS}
        for settings, recognised in _settings(config):
            if digest([settings, sources]) == group:
                return digest([recognised, _recognised(sources, names)])
    except (CnnlabError, KeyError, TypeError, AttributeError):
        pass  # a config that is not one: the run stays apart from others
    return group


def _recognised(sources: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {
        kind: FIRST_VERSION if names[kind] in COMPONENTS[kind] else source
        for kind, source in sources.items()
    }


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What a row's runs have in common: as the first edition had it, and with groups recognised.

    Once with ``data.root`` and once without: only the data set's class tells which.
    """
    loss = {key: value for key, value in config["loss"].items() if key != "name"}  # it had none
    config = {**config, "loss": loss}
    init, resume = config["init"]["from"], config["resume"]
    resumed = None if resume is None else RunDir(Path(os.path.expanduser(resume)))
    group = (resumed.status().get("identity") or {}).get("group") if resumed else None
    start = init if resume is None else None
    start_digest = weights_identity(start).get("group") if start else None
    recognised = (start_group(start) if start else None, group_of(resumed) if resumed else None)
    for root in ({}, {"root": Flags(identity=False)}):
        content = essential(config, {"data": root})
        yield (
            without_seed(content, start=start_digest, resumed=group),
            without_seed(content, start=recognised[0], resumed=recognised[1]),
        )


def start_group(path: str) -> str | None:
    """The group of the run whose weights these are, or a weight file's digest."""
    place = Path(os.path.expanduser(path))
    return group_of(RunDir(place)) if place.is_dir() else weights_identity(path).get("group")
