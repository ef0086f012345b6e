"""The trace of one image through a network: every layer and function that it passes.

A layer is a module of torch.nn, or a module without children that has at most one operation with
weights or a window. Everything else that a network computes, by a function of torch, by an operator
or inside its own larger module, is recorded function by function.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from cnnlab.explain.eval_mode import blank_image, eval_mode
from cnnlab.explain.trace.meta_shapes import meta_output
from cnnlab.explain.trace.recorder import Call, Recorder
from cnnlab.explain.trace.torch_bridge import (
    Operation,
    OperationMode,
    multiply_adds,
    named_arguments,
    operation_name,
)
from cnnlab.spec import ImageSpec


def trace(model: nn.Module, spec: ImageSpec) -> list[Call]:
    """The calls of one forward pass in eval mode, in order; then parameters that it did not use.

    Runs on the model's device: nothing is computed for a model created under
    ``torch.device("meta")``. The model's modules keep their training modes.

    Raises:
        RuntimeError, ValueError, TypeError: the model cannot take such images.
    """
    image = blank_image(model, spec)  # (1, C, H, W)
    recorder = Recorder(model, image)
    handles = [
        hook
        for module in model.modules()
        for hook in (
            module.register_forward_pre_hook(recorder.enter),
            module.register_forward_hook(recorder.leave),
        )
    ]
    try:
        with eval_mode(model), _Operations(recorder), _Functions(recorder):
            model(image)
    finally:
        for hook in handles:
            hook.remove()
    recorder.add_leftovers(model, is_used=False, recurse=True)
    return recorder.calls


class _Operations(OperationMode):  # type: ignore[no-untyped-call]
    """Shows the recorder every operation below the functions: what torch really computes."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def run_operation(
        self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        name, arguments = operation_name(operation), named_arguments(operation, args, kwargs)
        out = meta_output(name, arguments)
        if out is None:
            out = super().run_operation(operation, args, kwargs)
        self.recorder.operation(name, arguments, out, multiply_adds(operation, args, kwargs, out))
        return out


class _Functions(TorchFunctionMode):
    """Shows the recorder the functions and operators that a model calls, not those within them."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.recorder.begin_function(func, args, kwargs):
            return func(*args, **kwargs)
        out = func(*args, **kwargs)
        self.recorder.end_function(args, kwargs, out)
        return out
