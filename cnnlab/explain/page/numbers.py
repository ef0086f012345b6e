"""The numbers of the page as JSON: arrays of 32 bits as base64, the rest as it is."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.explain.page.extent import Extent, input_channels
from cnnlab.explain.page.stages import Stage, borders, padded
from cnnlab.explain.trace.field import Field

MOST_INPUTS = 12  # of a linear unit, the largest products


@torch.no_grad()
def stage_numbers(stages: Sequence[Stage], index: int, shown: Extent) -> dict[str, Any]:
    """A layer's maps or units, their receptive fields, and how they follow from its input."""
    stage, channels = stages[index], shown.channels[index]
    places = {stage: place for place, stage in enumerate(shown.stages)}
    source = None if stage.source is None else places.get(stage.source)
    numbers = {
        "name": stage.name,
        "type": type(stage.module).__name__,
        "kind": stage.kind,
        "shape": [len(stage.output), *stage.size],
        "vector": stage.output.dim() == 1,
        "channels": channels,
        "maps": packed(stage.output[list(channels)]),
        "source": source,
        "input": list(stage.input.shape),
        "field": _field(stage.field),
    }
    if stage.kind == "convolution":
        numbers["window"] = _convolution(stages, index, shown)
        if source is None:
            shown_inputs = input_channels(stages, index, shown)
            numbers["given"] = {
                "channels": shown_inputs,
                "maps": packed(stage.input[list(shown_inputs)]),
            }
    elif stage.kind in ("max", "average"):
        numbers["window"] = _pooling(stage.module)
    elif stage.kind == "linear":
        numbers["units"] = _linear(stage, channels)
    return numbers


def packed(values: Tensor) -> str:
    """Numbers in order as float32, little-endian."""
    array = values.detach().cpu().float().contiguous().numpy().astype("<f4")
    return base64.b64encode(array.tobytes()).decode()


def unpacked(text: str) -> Any:
    """The float32 array of ``packed``, flat."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def _field(field: Field | None) -> dict[str, Any] | None:
    """Its size in pixels; that of number i begins at ``first + i * spacing`` of each side."""
    if field is None or field.box(0, 0) is None:
        return None
    return {
        "size": field.pixels,
        "first": [span.first for span in field.spans],
        "spacing": [span.spacing for span in field.spans],
    }


def _convolution(stages: Sequence[Stage], index: int, shown: Extent) -> dict[str, Any]:
    """The window, and of each map on the page its kernels and what other input maps add."""
    stage, module = stages[index], stages[index].module
    assert isinstance(module, nn.Conv2d)
    shown_inputs = input_channels(stages, index, shown)
    (top, _), (left, _) = borders(module)
    others = stage.input.clone()
    others[list(shown_inputs)] = 0
    channels = list(shown.channels[index])
    rest = None
    if len(shown_inputs) < len(stage.input):
        maps = F.conv2d(
            padded(module, others),
            module.weight,
            None,
            module.stride,
            dilation=module.dilation,
            groups=module.groups,
        )
        rest = packed(maps[channels])
    per_group = module.out_channels // module.groups
    spanned = module.weight.shape[1]
    units = []
    for channel in channels:
        first = channel // per_group * spanned
        inputs = [i for i, c in enumerate(shown_inputs) if first <= c < first + spanned]
        kernels = module.weight[channel, [shown_inputs[i] - first for i in inputs]]
        bias = None if module.bias is None else float(module.bias[channel])
        units.append({"inputs": inputs, "kernels": packed(kernels), "bias": bias})
    return {
        "kernel": module.kernel_size,
        "stride": module.stride,
        "padding": [top, left],
        "dilation": module.dilation,
        "groups": module.groups,
        "border": module.padding_mode,
        "spanned": spanned,
        "units": units,
        "rest": rest,
    }


def _pooling(module: nn.Module) -> dict[str, Any]:
    assert isinstance(module, nn.MaxPool2d | nn.AvgPool2d)
    kernel = _pair(module.kernel_size)
    is_average = isinstance(module, nn.AvgPool2d)
    return {
        "kernel": kernel,
        "stride": kernel if module.stride is None else _pair(module.stride),
        "padding": _pair(module.padding),
        "dilation": (1, 1) if is_average else _pair(module.dilation),
        "counts_border": is_average and module.count_include_pad,
        "divisor": module.divisor_override if is_average else None,
    }


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _linear(stage: Stage, channels: Sequence[int]) -> list[dict[str, Any]]:
    """Of each unit the largest products of input and weight, the sum of the others, the bias."""
    module = stage.module
    assert isinstance(module, nn.Linear)
    units = []
    for channel in channels:
        weights = module.weight[channel]
        products = weights * stage.input
        order = torch.sort(products.abs(), descending=True, stable=True).indices[:MOST_INPUTS]
        top = [[int(i), _short(stage.input[i]), _short(weights[i])] for i in order]
        others = float(products.double().sum() - products[order].double().sum())
        bias = None if module.bias is None else float(module.bias[channel])
        number = len(products) - len(order)
        units.append({"top": top, "others": others, "number": number, "bias": bias})
    return units


def _short(value: Tensor) -> float:
    return float(f"{float(value):.6g}")
