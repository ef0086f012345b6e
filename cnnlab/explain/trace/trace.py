"""One image sent through a network, with every layer and function on its way written down.

A layer is a module of torch.nn, or a module without children that does no more than one thing
with weights or windows. Whatever else a network computes, by a function of torch, by an operator
or inside a larger module of its own, is written down function by function.
"""

from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cnnlab.explain.eval_mode import blank_image, eval_mode
from cnnlab.explain.trace.meta_shapes import meta_output
from cnnlab.explain.trace.operations import arguments
from cnnlab.explain.trace.recorder import Call, Recorder
from cnnlab.spec import ImageSpec


def trace(model: nn.Module, spec: ImageSpec) -> list[Call]:
    """The calls of one forward pass in eval mode, in order; then parameters that it left unused.

    Runs on the model's device: nothing is computed for a model made under
    ``torch.device("meta")``. Modes are left as they came.

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


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows the recorder every operation below the functions: what torch really computes."""

    def __init__(self, recorder: "Recorder") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or torch would take a second to import its compiler

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = arguments(func, args, kwargs)
        out = meta_output(func.overloadpacket.__name__, given)
        if out is None:
            out = func(*args, **kwargs)
        formula = flop_registry.get(func.overloadpacket)
        # Torch counts a multiply-add as two operations.
        macs = formula(*args, **kwargs, out_val=out) // 2 if formula is not None else 0
        self.recorder.operation(func.overloadpacket.__name__, given, out, macs)
        return out


class _Functions(TorchFunctionMode):
    """Shows the recorder the functions and operators that a model calls; not what these call."""

    def __init__(self, recorder: "Recorder") -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.recorder.begins_function(func, args, kwargs):
            return func(*args, **kwargs)
        out = func(*args, **kwargs)
        self.recorder.end_function(args, kwargs, out)
        return out
