"""Every use of torch's private names in this room: operations as torch dispatches them.

A test of each one fails if a new version of torch changes it. Operations are those below functions
and modules: ``aten::convolution``, ``aten::addmm``.
"""

import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

Operation = OpOverload
Arguments = Mapping[str, Any]  # an operation's arguments by name


class OperationMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context in which every operation is passed to ``run_operation`` instead of run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def run_operation(
        self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Return the operation's output; subclasses override it."""
        return operation(*args, **kwargs)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise torch imports its compiler, which takes a second

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run_operation(func, args, kwargs or {})


def operation_name(operation: Operation) -> str:
    """Torch's name of the operation without its overload: ``convolution``, ``add``."""
    return str(operation.overloadpacket.__name__)


def named_arguments(
    operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Arguments:
    """An operation's arguments by name, defaults included."""
    named = dict(_defaults(operation))
    named.update(zip(named, args, strict=False))
    named.update(kwargs)
    return named


@functools.cache
def _defaults(operation: Operation) -> tuple[tuple[str, Any], ...]:
    return tuple((a.name, a.default_value) for a in operation._schema.arguments)


def multiply_adds(
    operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any
) -> int:
    """The multiply-adds of a convolution or matrix product; 0 for any other operation."""
    formula = flop_registry.get(operation.overloadpacket)
    # Torch counts a multiply-add as two operations.
    return formula(*args, **kwargs, out_val=out) // 2 if formula is not None else 0


class MultiplyAdds(OperationMode):  # type: ignore[no-untyped-call]
    """Counts multiply-adds within its block, in ``total``."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def run_operation(
        self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        out = super().run_operation(operation, args, kwargs)
        self.total += multiply_adds(operation, args, kwargs, out)
        return out


@contextmanager
def as_written(model: nn.Module) -> Iterator[nn.Module]:
    """The network as it was before ``torch.compile``; within the block none of it is compiled."""
    network = getattr(model, "_orig_mod", model)
    assert isinstance(network, nn.Module)
    if "torch._dynamo" not in sys.modules:  # importing it takes a second
        yield network
        return
    with torch.compiler.set_stance("force_eager"):
        yield network


def storage_id(tensor: Tensor) -> int:
    """The identity of a tensor's memory, shared by its views; meta tensors have one, too."""
    return int(tensor.untyped_storage()._cdata)
