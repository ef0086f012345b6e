"""What each operation of torch does to a receptive field.

One rule per kind of operation: its arguments, the fields of its inputs and the shape of its output
give the output's field. A rule answers None where it cannot tell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from torch import Tensor

from cnnlab.explain.trace.axes import (
    axis,
    channel_axes,
    is_map,
    map_axes,
    regroup,
    sides,
)
from cnnlab.explain.trace.field import LOST, Field, Shape, Spans, largest
from cnnlab.explain.trace.operations import Given, tensors

Known = Mapping[int, Field]  # the fields of the inputs by the tensor's id
Rule = Callable[[Given, Known, Shape], Field | None]


def _spans(fields: Known) -> Spans:
    return largest([field.spans for field in fields.values()])


def elementwise(given: Given, known: Known, shape: Shape) -> Field | None:
    """Places stay where they are: also the rule of operations that have none of their own."""
    for tensor in tensors(given):
        if id(tensor) in known and tensor.shape == shape:
            return Field(_spans(known), known[id(tensor)].axes)
    return None


def _broadcast(given: Given, known: Known, shape: Shape) -> Field | None:
    same = elementwise(given, known, shape)
    if same is not None or len(known) > 1:
        return same
    ((_, field),) = known.items()
    sizes = next(tensor.shape for tensor in tensors(given) if id(tensor) in known)
    new = len(shape) - len(sizes)
    repeated = [
        held if n == m else axis(m)
        for held, n, m in zip(field.axes, sizes, shape[new:], strict=True)
    ]
    return replace(field, axes=(*channel_axes(shape[:new]), *repeated))


def _moved(given: Given, known: Known, shape: Shape) -> Field:  # noqa: ARG001
    """Places change places: where they are from is not followed."""
    return replace(known[id(given["self"])], spans=LOST)


def _unknown(given: Given, known: Known, shape: Shape) -> None:  # noqa: ARG001
    return None


def _slide(field: Field, reach: Sequence[int], stride: Sequence[Any], shape: Shape) -> Field | None:
    """A window that spans ``reach`` + 1 places of each of the last dimensions."""
    if not is_map(field.axes):
        return _as_before(field, shape)
    down, along = (field.spans[i].window(reach[i - 2], stride[i - 2]) for i in (0, 1))
    return Field((down, along), map_axes(shape))


def _enlarge(
    field: Field, factor: Sequence[Any], reach: Sequence[Any], shape: Shape
) -> Field | None:
    """Each place spread over ``reach`` + 1 new ones."""
    if not is_map(field.axes) or not field.has_places:
        return _as_before(field, shape)
    down, along = (field.spans[i].enlarged(factor[i], reach[i]) for i in (0, 1))
    return Field((down, along), map_axes(shape))


def _as_before(field: Field, shape: Shape) -> Field | None:
    """Where numbers that all see the same are made into a map, its places see that too."""
    return None if field.has_places else Field(field.spans, channel_axes(shape))


def _convolution(given: Given, known: Known, shape: Shape) -> Field | None:
    kernel = given["weight"].shape[2:]
    if id(given["input"]) not in known or id(given["weight"]) in known or len(kernel) != 2:
        return None
    field, stride = known[id(given["input"])], given["stride"]
    reach = [d * (k - 1) for d, k in zip(given["dilation"], kernel, strict=True)]
    if given["transposed"]:
        return _enlarge(field, stride, reach, shape)
    return _slide(field, reach, stride, shape)


def _pool(given: Given, known: Known, shape: Shape) -> Field | None:
    kernel = given["kernel_size"]
    kernel = [*kernel, *kernel] if len(kernel) == 1 else kernel
    stride = given["stride"] or kernel
    dilation = given.get("dilation") or [1]
    reach = [dilation[0] * (k - 1) for k in kernel]
    return _slide(known[id(given["self"])], reach, [*stride, *stride][-2:], shape)


def _adaptive(given: Given, known: Known, shape: Shape) -> Field | None:
    sizes = list(zip(given["self"].shape[-2:], shape[-2:], strict=True))
    reach = [max(-(-(i + 1) * m // n) - i * m // n for i in range(n)) - 1 for m, n in sizes]
    return _slide(known[id(given["self"])], reach, [Fraction(m, n) for m, n in sizes], shape)


def _interpolated(width: int) -> Rule:
    """Every new place is made of ``width`` old ones on each side."""

    def rule(given: Given, known: Known, shape: Shape) -> Field | None:
        (field,) = known.values()
        source = next(tensors(given)).shape
        factor = [Fraction(shape[i], source[i]) for i in (-2, -1)]
        if min(factor) < 1:
            return _slide(field, [width - 1, width - 1], [1 / f for f in factor], shape)
        return _enlarge(field, factor, [width * f - 1 for f in factor], shape)

    return rule


def _padded(given: Given, known: Known, shape: Shape) -> Field | None:
    field, sizes = known[id(given["self"])], given["self"].shape
    if is_map(field.axes):
        return replace(field, axes=map_axes(shape))
    axes = []
    for held, before, after in zip(field.axes, sizes, shape, strict=True):
        if before != after and len(held) > 1:
            return None
        axes.append(held if before == after else axis(after, held[0].side if held else None))
    return replace(field, axes=tuple(axes))


def _reduced(given: Given, known: Known, shape: Shape) -> Field | None:
    field, rank = known[id(given["self"])], given["self"].dim()
    dims = given.get("dim")
    dims = [dims] if isinstance(dims, int) else list(dims or range(rank))
    gone = {dim % rank for dim in dims}
    axes = tuple(() if i in gone else held for i, held in enumerate(field.axes))
    if len(shape) < rank:
        axes = tuple(held for i, held in enumerate(axes) if i not in gone)
    return Field(field.over(tuple(field.axes[i] for i in gone)), axes)


def _product(given: Given, known: Known, shape: Shape) -> Field | None:
    first, second = [value for value in given.values() if isinstance(value, Tensor)][-2:]
    if id(first) in known and id(second) in known:
        pair = known[id(first)], known[id(second)]
        if all(field.pixels for field in pair):
            return _attention(given, known, shape)
        return Field(LOST, (*pair[0].axes[:-1], pair[1].axes[-1]))
    if id(first) in known:
        field = known[id(first)]
        axes = (*field.axes[:-1], axis(shape[-1]))
        return Field(field.over(field.axes[-1:]), axes)
    if id(second) in known:
        field = known[id(second)]
        axes = (*field.axes[:-2], axis(shape[-2]), field.axes[-1])
        return Field(field.over(field.axes[-2:-1]), axes)
    return elementwise(given, known, shape)


def _attention(given: Given, known: Known, shape: Shape) -> Field:  # noqa: ARG001
    """Any place may see any other."""
    seen = largest([field.over(field.axes) for field in known.values()])
    return Field(seen, channel_axes(shape))


def _viewed(given: Given, known: Known, shape: Shape) -> Field | None:
    """Of maps cut into windows only the axes are followed."""
    field = known[id(given["self"])]
    axes = regroup(field.axes, shape)
    if axes is None:
        return None
    is_cut = len(sides(axes)) > len(sides(field.axes))
    return Field(LOST if is_cut else field.spans, axes)


def _permuted(given: Given, known: Known, shape: Shape) -> Field:
    field, order = known[id(given["self"])], list(range(len(shape)))
    if "dims" in given:
        order = [dim % len(shape) for dim in given["dims"]]
    else:
        a, b = given.get("dim0", 0), given.get("dim1", len(shape) - 1)
        order[a], order[b] = order[b], order[a]
    return replace(field, axes=tuple(field.axes[i] for i in order))


def _sliced(given: Given, known: Known, shape: Shape) -> Field | None:
    field, dim = known[id(given["self"])], given["dim"] % len(given["self"].shape)
    held, spans = field.axes[dim], list(field.spans)
    if shape[dim] == given["self"].shape[dim]:
        return field
    if len(held) == 1 and held[0].side is not None:
        spans[held[0].side] = spans[held[0].side].window(0, given.get("step", 1))
    elif sides([held]):
        return None
    cut = axis(shape[dim], held[0].side if held else None)
    axes = (*field.axes[:dim], cut, *field.axes[dim + 1 :])
    return Field((spans[0], spans[1]), axes)


def _indexed(given: Given, known: Known, shape: Shape) -> Field | None:
    """Channels picked and put in another order; places so treated are lost."""
    if id(given["self"]) not in known:
        return None
    field = known[id(given["self"])]
    if "index" in given:  # index_select
        picked = {given["dim"] % len(shape): given["index"]}
    else:
        picked = {i: index for i, index in enumerate(given["indices"]) if index is not None}
    if len(picked) != 1 or sides(field.axes[dim] for dim in picked):
        return None
    ((dim, index),) = picked.items()
    return replace(
        field, axes=(*field.axes[:dim], *channel_axes(index.shape), *field.axes[dim + 1 :])
    )


def _selected(given: Given, known: Known, shape: Shape) -> Field:
    field, dim = known[id(given["self"])], given["dim"] % (len(shape) + 1)
    return replace(field, axes=(*field.axes[:dim], *field.axes[dim + 1 :]))


def _concatenated(given: Given, known: Known, shape: Shape) -> Field:
    dim = given["dim"] % len(shape)
    if sides(field.axes[dim] for field in known.values()):  # a token joins the places
        return _attention(given, known, shape)
    axes = next(iter(known.values())).axes
    return Field(_spans(known), (*axes[:dim], axis(shape[dim]), *axes[dim + 1 :]))


RULES: dict[str, Rule] = {
    "convolution": _convolution,
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d", "avg_pool3d"), _pool),
    **dict.fromkeys(("_adaptive_avg_pool2d", "adaptive_max_pool2d"), _adaptive),
    **dict.fromkeys(("upsample_nearest2d", "pixel_shuffle"), _interpolated(1)),
    **dict.fromkeys(("upsample_bilinear2d", "_upsample_bilinear2d_aa"), _interpolated(2)),
    **dict.fromkeys(("constant_pad_nd", "reflection_pad2d", "replication_pad2d"), _padded),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std"), _reduced),
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), _product),
    **dict.fromkeys(("view", "_unsafe_view", "unsqueeze", "squeeze", "reshape"), _viewed),
    **dict.fromkeys(("permute", "transpose", "t"), _permuted),
    **dict.fromkeys(("slice", "split", "split_with_sizes"), _sliced),
    **dict.fromkeys(("select", "unbind"), _selected),
    "cat": _concatenated,
    **dict.fromkeys(("index", "index_select"), _indexed),
    **dict.fromkeys(("add", "sub", "mul", "div", "expand"), _broadcast),
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    **dict.fromkeys(("roll", "flip"), _moved),
    **dict.fromkeys(("gather", "sort"), _unknown),
}
