"""The table of `cnnlab models --table`: size, cost, depth, year and paper of all architectures."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from cnnlab.app.listing import variants
from cnnlab.config import schema
from cnnlab.explain.cost import Cost, count
from cnnlab.explain.trace.trace import trace
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.spec import ImageSpec

CIFAR, MNIST = ImageSpec(3, 32, 32, 10), ImageSpec(1, 28, 28, 10)
IMAGENET = ImageSpec(3, 224, 224, 1000)
_MADE_FOR = {
    **dict.fromkeys(("mlp", "lenet5", "lenet5_1998", "lecture_mnist_cnn"), MNIST),
    **dict.fromkeys(("autoencoder", "conv_autoencoder", "encoder_classifier"), MNIST),
    **dict.fromkeys(("alexnet_2012", "alexnet_ungrouped"), ImageSpec(3, 227, 227, 1000)),
}
_IDENTITY = "He et al. 2016, Identity mappings in deep residual networks"
_PAPERS = {  # of variants that another paper than their family's introduced
    "alexnet_torchvision": "Krizhevsky 2014, One weird trick",
    "preact_resnet20": _IDENTITY,
    "preact_resnet110": _IDENTITY,
    "wide_resnet50_2": "Zagoruyko & Komodakis 2016, Wide residual networks",
}
_DEPTHS = {"lenet5_1998": 5}  # C3 is several convolutions; the RBF layer is not a product
_HEADINGS = ("model", "small images", "parameters", "MACs", "large images", "parameters", "MACs")
_PROJECTION = re.compile(r"(^|\.)(shortcut|downsample|projection)\b")
NOTES = """\
Small images have 10 classes, large ones 1000; a cell is empty if the network cannot take images of
that size. MACs are multiply-adds for one image. Depth counts convolutional and linear layers,
without projections in shortcuts, of the network for large images if there is one. (The number in a
wide ResNet's name counts its three projections but not its last layer.)"""


@dataclass(frozen=True)
class Architecture:
    """One row; a cost is None if the network cannot take such images."""

    name: str
    small: ImageSpec
    small_cost: Cost | None
    large: ImageSpec
    large_cost: Cost | None
    depth: int
    year: str
    paper: str


def architectures() -> Iterator[Architecture]:
    """Every registered model without required options, followed by its variants."""
    all_variants = list(variants(MODELS))
    for entry in MODELS:
        if any(option.required for option in schema.options(entry.component).values()):
            family = []
        else:
            family = [(entry.name, {"name": entry.name})]
        family += [(name, config) for name, config in all_variants if config["name"] == entry.name]
        for name, config in family:
            yield _architecture(name, config, _PAPERS.get(name, entry.paper))


def _architecture(name: str, config: Mapping[str, Any], source: str) -> Architecture:
    made_for = _MADE_FOR.get(name, CIFAR)
    small, large = (made_for, IMAGENET) if made_for.height <= 32 else (CIFAR, made_for)
    costs = [_cost(config, spec) for spec in (small, large)]
    paper = re.fullmatch(r"(?P<authors>.+?) (?P<year>\d{4}), .+", source)
    return Architecture(
        name,
        small,
        costs[0],
        large,
        costs[1],
        _DEPTHS.get(name) or _depth(config, large if costs[1] is not None else small),
        paper["year"] if paper else "",
        paper["authors"] if paper else "",
    )


def _cost(config: Mapping[str, Any], spec: ImageSpec) -> Cost | None:
    try:
        with torch.device("meta"):
            return count(schema.build(MODELS, config, spec), spec)
    except CnnlabError:
        return None


def _depth(config: Mapping[str, Any], spec: ImageSpec) -> int:
    with torch.device("meta"):
        calls = trace(schema.build(MODELS, config, spec), spec)
    return sum(call.macs > 0 and not _PROJECTION.search(call.path) for call in calls)


def as_markdown(rows: list[Architecture]) -> str:
    """The table, and what its columns mean."""
    lines = [
        "| " + " | ".join((*_HEADINGS, "depth", "year", "paper")) + " |",
        "|--|--|--:|--:|--|--:|--:|--:|--|--|",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    return "\n".join([*lines, "", NOTES])


def _cells(row: Architecture) -> list[str]:
    cells = [f"`{row.name}`"]
    for spec, cost in ((row.small, row.small_cost), (row.large, row.large_cost)):
        cells += [str(spec), f"{cost.params:,}", f"{cost.macs:,}"] if cost else ["", "", ""]
    return [*cells, str(row.depth), row.year, row.paper]
