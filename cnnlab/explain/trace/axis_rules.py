"""Receptive fields after operations that keep, move, merge or remove a tensor's dimensions.

A rule takes an operation's arguments, the fields of its inputs and the shape of its output; it
returns the output's field, or None if it cannot be determined.
"""

from dataclasses import replace

from torch import Tensor

from cnnlab.explain.trace.axes import axis, channel_axes, regroup, spatial_factors
from cnnlab.explain.trace.field import UNKNOWN, Field, Fields, Shape, Spans, largest
from cnnlab.explain.trace.operations import tensors
from cnnlab.explain.trace.torch_bridge import Arguments


def _spans(fields: Fields) -> Spans:
    return largest([field.spans for field in fields.values()])


def elementwise(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    """Positions stay the same; also for operations without a rule."""
    for tensor in tensors(args):
        if id(tensor) in fields and tensor.shape == shape:
            return Field(_spans(fields), fields[id(tensor)].axes)
    return None


def broadcast(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    same = elementwise(args, fields, shape)
    if same is not None or len(fields) > 1:
        return same
    ((_, field),) = fields.items()
    sizes = next(tensor.shape for tensor in tensors(args) if id(tensor) in fields)
    new = len(shape) - len(sizes)
    repeated = [
        old if n == m else axis(m) for old, n, m in zip(field.axes, sizes, shape[new:], strict=True)
    ]
    return replace(field, axes=(*channel_axes(shape[:new]), *repeated))


def moved(args: Arguments, fields: Fields, shape: Shape) -> Field:  # noqa: ARG001
    """Positions are exchanged; their origin is not followed."""
    return replace(fields[id(args["self"])], spans=UNKNOWN)


def unknown(args: Arguments, fields: Fields, shape: Shape) -> None:  # noqa: ARG001
    return None


def reduced(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    field, rank = fields[id(args["self"])], args["self"].dim()
    dims = args.get("dim")
    dims = [dims] if isinstance(dims, int) else list(dims or range(rank))
    dims = {dim % rank for dim in dims}
    axes = tuple(() if i in dims else old for i, old in enumerate(field.axes))
    if len(shape) < rank:
        axes = tuple(old for i, old in enumerate(axes) if i not in dims)
    return Field(field.over(tuple(field.axes[i] for i in dims)), axes)


def product(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    first, second = [value for value in args.values() if isinstance(value, Tensor)][-2:]
    if id(first) in fields and id(second) in fields:
        pair = fields[id(first)], fields[id(second)]
        if all(field.pixels for field in pair):
            return attention(args, fields, shape)
        return Field(UNKNOWN, (*pair[0].axes[:-1], pair[1].axes[-1]))
    if id(first) in fields:
        field = fields[id(first)]
        axes = (*field.axes[:-1], axis(shape[-1]))
        return Field(field.over(field.axes[-1:]), axes)
    if id(second) in fields:
        field = fields[id(second)]
        axes = (*field.axes[:-2], axis(shape[-2]), field.axes[-1])
        return Field(field.over(field.axes[-2:-1]), axes)
    return elementwise(args, fields, shape)


def attention(args: Arguments, fields: Fields, shape: Shape) -> Field:  # noqa: ARG001
    """Any position may depend on any other."""
    spans = largest([field.over(field.axes) for field in fields.values()])
    return Field(spans, channel_axes(shape))


def viewed(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    """For maps that are split into windows, only the axes are followed."""
    field = fields[id(args["self"])]
    axes = regroup(field.axes, shape)
    if axes is None:
        return None
    is_split = len(spatial_factors(axes)) > len(spatial_factors(field.axes))
    return Field(UNKNOWN if is_split else field.spans, axes)


def permuted(args: Arguments, fields: Fields, shape: Shape) -> Field:
    field, order = fields[id(args["self"])], list(range(len(shape)))
    if "dims" in args:
        order = [dim % len(shape) for dim in args["dims"]]
    else:
        a, b = args.get("dim0", 0), args.get("dim1", len(shape) - 1)
        order[a], order[b] = order[b], order[a]
    return replace(field, axes=tuple(field.axes[i] for i in order))


def sliced(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    field, dim = fields[id(args["self"])], args["dim"] % len(args["self"].shape)
    old, spans = field.axes[dim], list(field.spans)
    if shape[dim] == args["self"].shape[dim]:
        return field
    if len(old) == 1 and old[0].side is not None:
        size, start = args["self"].shape[dim], args.get("start") or 0
        start = min(max(start + size if start < 0 else start, 0), size)
        spans[old[0].side] = spans[old[0].side].moved(-start).window(1, args.get("step", 1))
    elif spatial_factors([old]):
        return None
    new = axis(shape[dim], old[0].side if old else None)
    axes = (*field.axes[:dim], new, *field.axes[dim + 1 :])
    return Field((spans[0], spans[1]), axes)


def indexed(args: Arguments, fields: Fields, shape: Shape) -> Field | None:
    """Channels selected by index; the field of positions selected so is not followed."""
    if id(args["self"]) not in fields:
        return None
    field = fields[id(args["self"])]
    if "index" in args:  # index_select
        indices = {args["dim"] % len(shape): args["index"]}
    else:
        indices = {i: index for i, index in enumerate(args["indices"]) if index is not None}
    if len(indices) != 1 or spatial_factors(field.axes[dim] for dim in indices):
        return None
    ((dim, index),) = indices.items()
    return replace(
        field, axes=(*field.axes[:dim], *channel_axes(index.shape), *field.axes[dim + 1 :])
    )


def selected(args: Arguments, fields: Fields, shape: Shape) -> Field:
    field, dim = fields[id(args["self"])], args["dim"] % (len(shape) + 1)
    return replace(field, axes=(*field.axes[:dim], *field.axes[dim + 1 :]))


def concatenated(args: Arguments, fields: Fields, shape: Shape) -> Field:
    dim = args["dim"] % len(shape)
    if spatial_factors(field.axes[dim] for field in fields.values()):  # a token is added
        return attention(args, fields, shape)
    axes = next(iter(fields.values())).axes
    return Field(_spans(fields), (*axes[:dim], axis(shape[dim]), *axes[dim + 1 :]))
