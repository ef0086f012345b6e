"""Outputs of the operations that most networks consist of, for tensors without data.

Torch computes these shapes in Python too, but imports its compiler for it, which takes longer than
tracing a network of 152 layers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from cnnlab.explain.trace.torch_bridge import Arguments


def meta_output(name: str, args: Arguments) -> Any:
    """The operation's output, or None if torch itself must compute it."""
    shape_rule = _RULES.get(name)
    operands = [value for value in args.values() if isinstance(value, Tensor)]
    if shape_rule is None or any(not t.is_meta or not t.is_floating_point() for t in operands):
        return None
    return shape_rule(args)


def _same(args: Arguments) -> Tensor:
    return args["self"].new_empty(args["self"].shape)  # type: ignore[no-any-return]


def _both_same(args: Arguments) -> Tensor | None:
    first, second = args["self"], args["other"]
    if isinstance(second, Tensor) and (first.shape, first.dtype) != (second.shape, second.dtype):
        return None
    return _same(args)


def _normalised(args: Arguments) -> tuple[Tensor, Tensor, Tensor]:
    maps = args["input"]
    return maps.new_empty(maps.shape), maps.new_empty(0), maps.new_empty(0)


def _mean(args: Arguments) -> Tensor | None:
    if "dim" not in args or args["dtype"] is not None:
        return None
    shape = args["self"].shape
    reduced = {dim % len(shape) for dim in args["dim"] or range(len(shape))}
    kept = [
        1 if i in reduced else n for i, n in enumerate(shape) if i not in reduced or args["keepdim"]
    ]
    return args["self"].new_empty(kept)  # type: ignore[no-any-return]


def _cat(args: Arguments) -> Tensor | None:
    first, *others = args["tensors"]
    if any((t.dim(), t.dtype, t.is_meta) != (first.dim(), first.dtype, True) for t in others):
        return None
    shape = list(first.shape)
    shape[args["dim"]] += sum(other.shape[args["dim"]] for other in others)
    return first.new_empty(shape)  # type: ignore[no-any-return]


def _addmm(args: Arguments) -> Tensor:
    rows, columns = args["mat1"].shape[0], args["mat2"].shape[1]
    return args["mat1"].new_empty((rows, columns))  # type: ignore[no-any-return]


def _convolution(args: Arguments) -> Tensor | None:
    maps, weight, groups = args["input"], args["weight"], args["groups"]
    is_plain = maps.dim() == weight.dim() == 4 and not args["transposed"]
    if not is_plain or maps.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return None
    size = _slid(maps, weight.shape[2:], args["stride"], args["padding"], args["dilation"])
    if size is None:
        return None
    return maps.new_empty((maps.shape[0], weight.shape[0], *size))  # type: ignore[no-any-return]


def _max_pool(args: Arguments) -> tuple[Tensor, Tensor] | None:
    maps, kernel, padding = args["self"], args["kernel_size"], args["padding"]
    if maps.dim() != 4 or args["ceil_mode"] or max(padding) > min(kernel) // 2:
        return None
    size = _slid(maps, kernel, args["stride"] or kernel, padding, args["dilation"])
    if size is None:
        return None
    pooled = maps.new_empty((*maps.shape[:2], *size))
    return pooled, pooled.new_empty(pooled.shape, dtype=torch.int64)


def _slid(maps: Tensor, *window: Sequence[int]) -> list[int] | None:
    """Height and width after a window's kernel, stride, padding, dilation; None if it does not fit.

    Torch then says why. A single number holds for both sides.
    """
    pairs = [side if len(side) == 2 else (*side, *side) for side in window]
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(maps.shape[2:], *pairs, strict=True)
    ]
    return size if min(size) > 0 else None


_RULES: dict[str, Callable[[Arguments], Any]] = {
    **dict.fromkeys(("relu", "tanh", "gelu", "hardtanh", "hardswish"), _same),
    **dict.fromkeys(("add", "mul"), _both_same),
    **dict.fromkeys(("native_batch_norm", "native_layer_norm", "native_group_norm"), _normalised),
    "mean": _mean,
    "cat": _cat,
    "addmm": _addmm,
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
}
