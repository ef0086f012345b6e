"""Outputs of the operations that most networks are made of, for tensors without data.

Torch works these shapes out in Python too, but imports its compiler for it, which takes longer
than to trace a network of 152 layers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from cnnlab.explain.trace.operations import Given


def meta_output(name: str, given: Given) -> Any:
    """What the operation gives, or None where torch itself must be asked."""
    shape_rule = _RULES.get(name)
    operands = [value for value in given.values() if isinstance(value, Tensor)]
    if shape_rule is None or any(not t.is_meta or not t.is_floating_point() for t in operands):
        return None
    return shape_rule(given)


def _same(given: Given) -> Tensor:
    return given["self"].new_empty(given["self"].shape)  # type: ignore[no-any-return]


def _both_same(given: Given) -> Tensor | None:
    first, second = given["self"], given["other"]
    if isinstance(second, Tensor) and (first.shape, first.dtype) != (second.shape, second.dtype):
        return None
    return _same(given)


def _normalised(given: Given) -> tuple[Tensor, Tensor, Tensor]:
    maps = given["input"]
    return maps.new_empty(maps.shape), maps.new_empty(0), maps.new_empty(0)


def _mean(given: Given) -> Tensor | None:
    if "dim" not in given or given["dtype"] is not None:
        return None
    shape = given["self"].shape
    gone = {dim % len(shape) for dim in given["dim"] or range(len(shape))}
    kept = [1 if i in gone else n for i, n in enumerate(shape) if i not in gone or given["keepdim"]]
    return given["self"].new_empty(kept)  # type: ignore[no-any-return]


def _cat(given: Given) -> Tensor | None:
    first, *others = given["tensors"]
    if any((t.dim(), t.dtype, t.is_meta) != (first.dim(), first.dtype, True) for t in others):
        return None
    shape = list(first.shape)
    shape[given["dim"]] += sum(other.shape[given["dim"]] for other in others)
    return first.new_empty(shape)  # type: ignore[no-any-return]


def _addmm(given: Given) -> Tensor:
    rows, columns = given["mat1"].shape[0], given["mat2"].shape[1]
    return given["mat1"].new_empty((rows, columns))  # type: ignore[no-any-return]


def _convolution(given: Given) -> Tensor | None:
    maps, weight, groups = given["input"], given["weight"], given["groups"]
    is_plain = maps.dim() == weight.dim() == 4 and not given["transposed"]
    if not is_plain or maps.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return None
    size = _slid(maps, weight.shape[2:], given["stride"], given["padding"], given["dilation"])
    if size is None:
        return None
    return maps.new_empty((maps.shape[0], weight.shape[0], *size))  # type: ignore[no-any-return]


def _max_pool(given: Given) -> tuple[Tensor, Tensor] | None:
    maps, kernel, padding = given["self"], given["kernel_size"], given["padding"]
    if maps.dim() != 4 or given["ceil_mode"] or max(padding) > min(kernel) // 2:
        return None
    size = _slid(maps, kernel, given["stride"] or kernel, padding, given["dilation"])
    if size is None:
        return None
    pooled = maps.new_empty((*maps.shape[:2], *size))
    return pooled, pooled.new_empty(pooled.shape, dtype=torch.int64)


def _slid(maps: Tensor, *window: Sequence[int]) -> list[int] | None:
    """Height and width after a window's kernel, stride, padding, dilation; None if it is refused.

    Torch then says why. One number stands for both sides.
    """
    pairs = [side if len(side) == 2 else (*side, *side) for side in window]
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(maps.shape[2:], *pairs, strict=True)
    ]
    return size if min(size) > 0 else None


_RULES: dict[str, Callable[[Given], Any]] = {
    **dict.fromkeys(("relu", "tanh", "gelu", "hardtanh", "hardswish"), _same),
    **dict.fromkeys(("add", "mul"), _both_same),
    **dict.fromkeys(("native_batch_norm", "native_layer_norm", "native_group_norm"), _normalised),
    "mean": _mean,
    "cat": _cat,
    "addmm": _addmm,
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
}
