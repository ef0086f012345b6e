"""Receptive fields after windows: convolution, pooling, interpolation and padding.

A rule takes an operation's arguments, the fields of its inputs and the shape of its output; it
returns the output's field, or None if it cannot be determined.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from cnnlab.explain.trace.axes import axis, channel_axes, is_map, map_axes
from cnnlab.explain.trace.field import Field, Fields, Rule, Shape
from cnnlab.explain.trace.operations import tensors
from cnnlab.explain.trace.torch_bridge import Arguments


def _slide(
    field: Field,
    kernel: Sequence[int],
    stride: Sequence[Any],
    shape: Shape,
    padding: Sequence[int] = (0, 0),
) -> Field | None:
    """After a window of an effective ``kernel`` over the last two dimensions."""
    if not is_map(field.axes):
        return _not_spatial(field, shape)
    down, along = (
        field.spans[i].moved(padding[i - 2]).window(kernel[i - 2], stride[i - 2]) for i in (0, 1)
    )
    return Field((down, along), map_axes(shape))


def _enlarge(
    field: Field, factor: Sequence[Any], spread: Sequence[Any], shape: Shape
) -> Field | None:
    """After each position contributes to ``spread`` new ones of a finer grid."""
    if not is_map(field.axes) or not field.is_spatial:
        return _not_spatial(field, shape)
    down, along = (field.spans[i].enlarged(factor[i], spread[i]) for i in (0, 1))
    return Field((down, along), map_axes(shape))


def _not_spatial(field: Field, shape: Shape) -> Field | None:
    """The field of a map made of numbers that all depend on the same pixels."""
    return None if field.is_spatial else Field(field.spans, channel_axes(shape))


def convolution(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    kernel = args["weight"].shape[2:]
    if id(args["input"]) not in fields or id(args["weight"]) in fields or len(kernel) != 2:
        return None
    field, stride = fields[id(args["input"])], args["stride"]
    effective = [d * (k - 1) + 1 for d, k in zip(args["dilation"], kernel, strict=True)]
    if args["transposed"]:
        return _enlarge(field, stride, effective, shape)
    return _slide(field, effective, stride, shape, [*args["padding"], *args["padding"]])


def pool(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    kernel = args["kernel_size"]
    kernel = [*kernel, *kernel] if len(kernel) == 1 else kernel
    stride = args["stride"] or kernel
    dilation = args.get("dilation") or [1]
    effective = [dilation[0] * (k - 1) + 1 for k in kernel]
    field, padding = fields[id(args["self"])], args["padding"]
    return _slide(field, effective, [*stride, *stride][-2:], shape, [*padding, *padding][-2:])


def adaptive(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    sizes = list(zip(args["self"].shape[-2:], shape[-2:], strict=True))
    widest = [max(-(-(i + 1) * m // n) - i * m // n for i in range(n)) for m, n in sizes]
    return _slide(fields[id(args["self"])], widest, [Fraction(m, n) for m, n in sizes], shape)


def interpolated(width: int) -> Rule:
    """The rule of an interpolation that makes each number of ``width`` x ``width`` old ones."""

    def rule(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
        (field,) = fields.values()
        source = next(tensors(args)).shape
        factor = [Fraction(shape[i], source[i]) for i in (-2, -1)]
        if min(factor) < 1:
            return _slide(field, [width, width], [1 / f for f in factor], shape)
        return _enlarge(field, factor, [width * f for f in factor], shape)

    return rule


def padded(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    field, sizes = fields[id(args["self"])], args["self"].shape
    spans = list(field.spans)
    for old, before in zip(
        reversed(field.axes), args["pad" if "pad" in args else "padding"][::2], strict=False
    ):
        if len(old) == 1 and (side := old[0].side) is not None:
            spans[side] = spans[side].moved(before)
    field = replace(field, spans=(spans[0], spans[1]))
    if is_map(field.axes):
        return replace(field, axes=map_axes(shape))
    axes = []
    for old, before, after in zip(field.axes, sizes, shape, strict=True):
        if before != after and len(old) > 1:
            return None
        axes.append(old if before == after else axis(after, old[0].side if old else None))
    return replace(field, axes=tuple(axes))
