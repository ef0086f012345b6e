"""What every layer takes and returns when one image passes through a network."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.network import NOT_FINITE, is_leaf, layer_modules, output_tensor
from cnnlab.explain.trace.axes import spatial_factors
from cnnlab.explain.trace.field import Field
from cnnlab.explain.trace.operations import tensors
from cnnlab.explain.trace.receptive_field import ReceptiveFields
from cnnlab.explain.trace.torch_bridge import (
    Operation,
    OperationMode,
    named_arguments,
    operation_name,
)
from cnnlab.registry import CnnlabError

Kind = Literal["convolution", "max", "average", "linear", "mean", "same place", "other"]
UNCHANGED = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Unflatten)


@dataclass(frozen=True)
class Stage:
    """One call of a layer for one image.

    Attributes:
        name: ``c1``; ``activation:2`` for the second call of a module that is used twice.
        kind: how its numbers follow from its input: a convolution, a pooling window, a linear
            layer, the mean of a map, or one number from those at the same place.
        input, output: (C, H, W), or (K,).
        source: index of the stage that returned its input; None where that is computed between
            layers, such as a residual sum, or is the image.
        field: receptive field of one number of the output; None if it could not be followed.
    """

    name: str
    kind: Kind
    module: nn.Module
    input: Tensor
    output: Tensor
    source: int | None
    field: Field | None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of its maps; (1, 1) of a vector."""
        return (self.output.shape[1], self.output.shape[2]) if self.output.dim() == 3 else (1, 1)


@dataclass(frozen=True)
class Passage:
    """All stages of one image in order, and the names of layers that return neither maps (C, H, W)
    nor one vector, such as tokens.

    Attributes:
        output: of the network, (K,) of a classifier.
    """

    stages: tuple[Stage, ...]
    left_out: tuple[str, ...]
    output: Tensor


def passage(model: nn.Module, image: Tensor) -> Passage:
    """The stages of an image; the model is unchanged, in eval mode for this pass.

    Args:
        image: normalised (C, H, W).

    Raises:
        CnnlabError: the output is not finite.
    """
    recorder = _Recorder(model, image.unsqueeze(0).clone())
    leaves = [module for module in layer_modules(model) if is_leaf(module)]
    handles = [
        hook
        for module in leaves
        if not isinstance(module, UNCHANGED)
        for hook in (
            module.register_forward_pre_hook(recorder.enter, with_kwargs=True),
            module.register_forward_hook(recorder.leave),
        )
    ]
    try:
        with eval_mode(model), _Fields(recorder.fields):
            output = output_tensor(model(recorder.image))
    finally:
        for handle in handles:
            handle.remove()
    if not output.isfinite().all():
        raise CnnlabError(NOT_FINITE)
    with eval_mode(model):
        return recorder.passage(output[0].clone())


@dataclass(frozen=True)
class _Call:
    path: str
    number: int
    module: nn.Module
    input: Tensor
    output: Tensor
    field: Field | None
    source: int | None


class _Recorder:
    """Receives the input and the output of every layer of one pass; both are copied."""

    def __init__(self, model: nn.Module, image: Tensor) -> None:
        self.image = image
        self.fields = ReceptiveFields(image)
        self._paths = {module: path or "network" for path, module in model.named_modules()}
        self._number: Counter[str] = Counter()
        self._calls: list[_Call] = []
        self._entered: Tensor | None = None
        self._left_out: list[str] = []

    def enter(self, _module: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any]) -> None:
        first = inputs[0] if inputs else named.get("input")
        self._entered = first.clone() if isinstance(first, Tensor) else None

    def leave(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        path = self._paths[module]
        self._number[path] += 1
        field = None
        if isinstance(output, Tensor) and output in self.fields:
            field = self.fields[output]
        if self._entered is None or not _is_shown(output, field):
            self._left_out.append(path)
            return
        inputs, left = self._entered[0], output.clone()[0]
        source = self._source(inputs)
        self._calls.append(_Call(path, self._number[path], module, inputs, left, field, source))

    def _source(self, inputs: Tensor) -> int | None:
        """The last call that returned these very numbers, which may have been flattened."""
        for index in reversed(range(len(self._calls))):
            output = self._calls[index].output
            if torch.equal(output.flatten() if inputs.dim() == 1 else output, inputs):
                return index
        return None

    def passage(self, output: Tensor) -> Passage:
        stages = tuple(
            Stage(
                name=call.path if self._number[call.path] == 1 else f"{call.path}:{call.number}",
                kind=_kind(call),
                module=call.module,
                input=call.input,
                output=call.output,
                source=call.source,
                field=call.field,
            )
            for call in self._calls
        )
        return Passage(stages, tuple(dict.fromkeys(self._left_out)), output)


def _is_shown(output: Any, field: Field | None) -> bool:
    """Whether it is (1, C, H, W) or (1, K)."""
    if not isinstance(output, Tensor) or output.dim() not in (2, 4) or len(output) != 1:
        return False
    if output.dim() == 2 or field is None:
        return True
    return bool(spatial_factors(field.axes[3:])) or not spatial_factors(field.axes[1:2])


def _kind(call: _Call) -> Kind:
    module, inputs, output = call.module, call.input, call.output
    if isinstance(module, nn.Conv2d):
        found = F.conv2d(
            padded(module, inputs),
            module.weight,
            module.bias,
            module.stride,
            dilation=module.dilation,
            groups=module.groups,
        )
        # Not so for a layer that changes its weights or its input first.
        return "convolution" if _close(found, output) else "other"
    if isinstance(module, nn.MaxPool2d):
        return "max"
    if isinstance(module, nn.AvgPool2d):
        return "average"
    if isinstance(module, nn.Linear) and inputs.dim() == 1:
        return "linear" if _close(F.linear(inputs, module.weight, module.bias), output) else "other"
    if inputs.dim() == 3 and output.numel() == len(inputs):
        return "mean" if _close(inputs.mean((1, 2)), output.flatten()) else "other"
    return "same place" if inputs.shape == output.shape else "other"


def _close(found: Tensor, output: Tensor) -> bool:
    tolerance = 1e-4 * float(output.abs().max() or 1.0)
    if not math.isfinite(tolerance):
        return False
    return found.shape == output.shape and torch.allclose(found, output, 1e-4, tolerance)


def padded(module: nn.Conv2d, maps: Tensor) -> Tensor:
    """The maps (C, H, W) with the border that a convolution puts around them."""
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    (top, bottom), (left, right) = borders(module)
    return F.pad(maps[None], (left, right, top, bottom), mode=mode)[0]


def borders(module: nn.Conv2d) -> tuple[tuple[int, int], tuple[int, int]]:
    """(top, bottom), (left, right) of a convolution's padding."""
    sides: list[tuple[int, int]] = []
    for axis in (0, 1):
        if module.padding == "valid":
            sides.append((0, 0))
        elif isinstance(module.padding, str):  # same: an odd border has one more at the end
            total = module.dilation[axis] * (module.kernel_size[axis] - 1)
            sides.append((total // 2, total - total // 2))
        else:
            sides.append((int(module.padding[axis]), int(module.padding[axis])))
    return sides[0], sides[1]


class _Fields(OperationMode):  # type: ignore[no-untyped-call]
    """Follows the receptive fields of all tensors."""

    def __init__(self, fields: ReceptiveFields) -> None:
        super().__init__()
        self.fields = fields

    def run_operation(
        self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        out = super().run_operation(operation, args, kwargs)
        arguments = named_arguments(operation, args, kwargs)
        self.fields.follow(operation_name(operation), arguments, list(tensors(out)))
        return out
