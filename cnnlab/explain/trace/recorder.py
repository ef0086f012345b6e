"""Recording a forward pass as one call for each layer and function."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from cnnlab.explain.trace.field import Field
from cnnlab.explain.trace.operations import Product, Step, Window, step_of, tensors
from cnnlab.explain.trace.receptive_field import ReceptiveFields
from cnnlab.explain.trace.torch_bridge import Arguments, storage_id

_NO_LAYERS = {f"torch.nn.modules.{name}" for name in ("module", "container", "transformer")}
# Functions that only rearrange a tensor; `flatten` is shown, because it has a formula.
_REARRANGING = {
    *("view", "reshape", "permute", "transpose", "t", "contiguous", "expand", "unsqueeze"),
    *("squeeze", "chunk", "split", "unbind", "getitem", "to", "clone", "detach", "get"),
    *("typeas", "float", "zeroslike", "oneslike", "movedim", "swapaxes", "select", "narrow"),
}


@dataclass
class Call:
    """One layer or function applied to one image; shapes are without N."""

    path: str  # of the module, or of the function's module and the function
    word: str  # conv, maxpool, add
    in_shape: tuple[int, ...] = ()
    out_shape: tuple[int, ...] = ()
    channels_last: bool = False
    steps: list[Step] = field(default_factory=list)
    macs: int = 0
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)  # those of no earlier call
    receptive_field: Field | None = None
    num_new: int = 0  # numbers in newly allocated memory: 0 for a view or in place
    is_used: bool = True  # False for parameters that the forward pass does not use

    @property
    def is_layer_like(self) -> bool:
        """Has an operation with weights or a window."""
        return any(isinstance(step, (Window, Product)) for step in self.steps)


@dataclass
class _Visit:
    """A module whose forward pass is under way."""

    module: nn.Module
    path: str
    first: int  # index of its first call
    is_layer: bool


class Recorder:
    """Receives every module, function and operation of a forward pass; ``calls`` is the result.

    ``enter`` and ``leave`` are forward hooks.
    """

    def __init__(self, model: nn.Module, image: Tensor) -> None:
        self.calls: list[Call] = []
        self.fields = ReceptiveFields(image)
        self._root = model
        self._paths = {module: path for path, module in model.named_modules()}
        self._names = {parameter: name for name, parameter in model.named_parameters()}
        self._recorded: set[nn.Parameter] = set()
        self._visits: list[_Visit] = []
        self._open: Call | None = None  # of the layer or function that is running

    # Modules

    def enter(self, module: nn.Module, _inputs: Any) -> None:
        if self._open is not None:
            return
        visit = _Visit(module, self._paths[module], len(self.calls), _is_layer(module))
        self._visits.append(visit)
        if visit.is_layer:
            self._open = Call(visit.path, word_of(type(module).__name__))

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if not self._visits or self._visits[-1].module is not module:
            return
        visit = self._visits.pop()
        if visit.is_layer:
            call, self._open = self._open, None
            assert call is not None
            self._close(call, inputs, output, module)
            if not isinstance(module, nn.Identity):
                self.calls.append(call)
            return
        within = self.calls[visit.first :]
        is_small = not any(module.children()) and module is not self._root
        if is_small and within and sum(call.is_layer_like for call in within) <= 1:
            call = Call(visit.path, word_of(type(module).__name__))
            for part in within:
                call.steps += part.steps
                call.macs += part.macs
                call.parameters |= part.parameters
            self._close(call, inputs, output, module)
            self.calls[visit.first :] = [call]
        else:
            self.add_leftovers(module, is_used=True, recurse=False)

    # Functions

    def begin_function(self, func: Any, args: Any, kwargs: Any) -> bool:
        """True if a call was opened for the function, which ``end_function`` must close."""
        if self._open is not None or not any(t in self.fields for t in tensors((args, kwargs))):
            return False
        word = word_of(func.__name__)
        self._open = Call(self._below(word), word)
        return True

    def end_function(self, args: Any, kwargs: Any, out: Any) -> None:
        call, self._open = self._open, None
        assert call is not None
        outputs = list(tensors(out))
        if not outputs and not call.macs:
            return
        self._close(call, (args, kwargs), out)
        if call.word in _REARRANGING:
            if len(call.out_shape) == 1 < len(call.in_shape):
                call.path, call.word = self._below("flatten"), "flatten"
            elif not call.macs:
                return
        self.calls.append(call)

    def _below(self, word: str) -> str:
        path = self._visits[-1].path if self._visits else ""
        return f"{path}.{word}" if path else word

    # Operations

    def operation(self, name: str, args: Arguments, out: Any, macs: int) -> None:
        """Record an operation of torch: its arguments, its output and its multiply-adds."""
        outputs = list(tensors(out))
        has_image = any(tensor in self.fields for tensor in tensors(args))
        self.fields.follow(name, args, outputs)
        if not macs and not has_image:
            return
        call = self._open
        if call is None:  # called from C++, or on weights alone
            if not macs:
                return
            call = Call(self._below(word_of(name)), word_of(name))
            self._close(call, args, out)
            self.calls.append(call)
        call.macs += macs
        step = step_of(name, args, outputs[0].shape) if outputs else None
        if step is not None:
            call.steps.append(step)

    # The end of a call

    def _close(self, call: Call, inputs: Any, output: Any, module: nn.Module | None = None) -> None:
        arguments, outputs = list(tensors(inputs)), list(tensors(output))
        images = [tensor for tensor in arguments if tensor in self.fields]
        call.in_shape = tuple(images[0].shape[1:]) if images else ()
        if outputs:
            call.out_shape = tuple(outputs[0].shape[1:])
            if outputs[0] in self.fields:
                call.receptive_field = self.fields[outputs[0]]
            if storage_id(outputs[0]) not in {storage_id(tensor) for tensor in arguments}:
                call.num_new = outputs[0].numel()
        if call.receptive_field is not None:
            first = call.receptive_field.axes[1] if len(call.out_shape) == 3 else ()
            call.channels_last = any(factor.side is not None for factor in first)
        else:
            call.channels_last = isinstance(module, nn.Linear)
        for parameter in module.parameters() if module is not None else arguments:
            if isinstance(parameter, nn.Parameter) and parameter not in self._recorded:
                self._recorded.add(parameter)
                name = self._names.get(parameter, "")
                call.parameters[name.removeprefix(f"{call.path}.")] = parameter

    def add_leftovers(self, module: nn.Module, *, is_used: bool, recurse: bool) -> None:
        """Record a call for each module with parameters that are in no call yet."""
        for parameter in module.parameters(recurse=recurse):
            if parameter in self._recorded:
                continue
            self._recorded.add(parameter)
            owner, _, name = self._names[parameter].rpartition(".")
            last = self.calls[-1] if self.calls else None
            if last is None or last.path != owner or last.word != "parameters":
                last = Call(owner, "parameters", is_used=is_used)
                self.calls.append(last)
            last.parameters[name] = parameter


def _is_layer(module: nn.Module) -> bool:
    """A module of torch that is not just a container, or a subclass of one."""
    origins = {base.__module__ for base in type(module).__mro__}
    if "torch.nn.modules.container" in origins or "torch.nn.modules.transformer" in origins:
        return False
    return any(origin.startswith("torch.nn.modules.") for origin in origins - _NO_LAYERS)


def word_of(name: str) -> str:
    """A class's or function's name as in a line of a conv_stack: Conv2d -> conv."""
    word = name.strip("_").replace("_", "").lower()
    for ending in ("1d", "2d", "3d"):
        word = word.removesuffix(ending)
    return {"localresponsenorm": "lrn", "iadd": "add", "imul": "mul"}.get(word, word)
