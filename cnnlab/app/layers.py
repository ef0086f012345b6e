"""``cnnlab layers``: the layer table of a configured model, or of layers written as lines."""

import re
from collections.abc import Sequence

import torch
from torch import nn

from cnnlab.app.errors import as_chosen
from cnnlab.config.schema import build
from cnnlab.explain.impossible_size import refuse_impossible_size
from cnnlab.explain.layers.steps import steps
from cnnlab.explain.layers.table import LayerTable, layer_table
from cnnlab.explain.layers.terminal import print_layer_table
from cnnlab.explain.layers.text import as_csv, as_json, as_markdown
from cnnlab.models.stack.conv_stack import ConvStack
from cnnlab.registry import DATASETS, MODELS, CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.terminal import console
from cnnlab.text import first_line

_FORMATS = {"markdown": as_markdown, "csv": as_csv, "json": as_json}
_OVERRIDE = re.compile(r"[+~]*[\w./@]+=")


def print_layers(
    words: Sequence[str], image: str | None, depth: int | None, formats: Sequence[str]
) -> None:
    """Print the table for overrides, or with ``image`` (HxWxC) for lines of a conv_stack.

    Raises:
        CnnlabError: neither, or an impossible network, or more than one format.
    """
    if len(formats) > 1:
        raise CnnlabError(f"{' and '.join(f'--{form}' for form in formats)} cannot be combined")
    form = formats[0] if formats else None
    if image is None:
        _print(_configured(words, depth), form)
        return
    spec = _spec(image)
    layers = _written(words, spec)
    table = layer_table(layers, spec, title="; ".join(words), depth=depth)
    if form is None:
        print("\n".join(steps(words, layers, spec)), end="\n\n")
    _print(table, form)


def _configured(words: Sequence[str], depth: int | None) -> LayerTable:
    from cnnlab.app.compose import compose

    for word in words:
        if not _OVERRIDE.match(word):
            raise CnnlabError(
                f"'{word}' is not KEY=VALUE; to describe a layer, also give --input 28x28x1"
            )
    names = {kind: name for kind in ("model", "data") if (name := _name(kind, words))}
    try:
        config = compose(words, preflight=False)
        spec = build(DATASETS, config.data).spec
        with torch.device("meta"), refuse_impossible_size(config.model["name"]):
            network: nn.Module = build(MODELS, config.model, spec)
    except CnnlabError as error:
        raise as_chosen(error, names) from error
    names = {"model": config.model["name"], "data": config.data["name"]} | names
    model, data = (_with_options(kind, name, words) for kind, name in names.items())
    try:
        return layer_table(network, spec, title=f"{model} on {data}", depth=depth)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = first_line(error)
        raise CnnlabError(f"model={model} cannot take images of {spec}: {reason}") from error


def _name(kind: str, words: Sequence[str]) -> str:
    """The name of the model or data set in the words, the last one."""
    return next((w.partition("=")[2] for w in reversed(words) if w.startswith(f"{kind}=")), "")


def _with_options(kind: str, name: str, words: Sequence[str]) -> str:
    """``imagenet size=227``"""
    options = [word.removeprefix(f"{kind}.") for word in words if word.startswith(f"{kind}.")]
    return " ".join([name, *options])


def _written(lines: Sequence[str], spec: ImageSpec) -> nn.Module:
    if not lines:
        raise CnnlabError(
            "--input needs layers: cnnlab layers 'conv 64 4 stride=2' --input 28x28x1"
        )
    for line in lines:
        if _OVERRIDE.match(line):
            raise CnnlabError(
                f"'{line}' is not a layer; to show a configured model leave out --input"
            )
    try:
        with torch.device("meta"):
            return ConvStack(spec, layers=list(lines)).layers
    except ValueError as error:
        raise CnnlabError(str(error)) from error


def _spec(image: str) -> ImageSpec:
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})x([1-9]\d{0,4})", image)
    if match is None:
        raise CnnlabError(f"--input {image} must be height x width x channels, like 28x28x1")
    height, width, channels = map(int, match.groups())
    return ImageSpec(channels, height, width, num_classes=1)


def _print(table: LayerTable, form: str | None) -> None:
    if form is None:
        print_layer_table(table, console())
    else:
        print(_FORMATS[form](table))
