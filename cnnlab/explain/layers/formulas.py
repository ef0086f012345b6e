"""A layer's sizes, parameters and multiply-adds as arithmetic that a reader can check by hand.

Every formula evaluates to the number after its ``=`` or in its column.
"""

import math
from collections.abc import Sequence

from cnnlab.explain.trace.operations import Border, Product, Resize, Size, Step, Window
from cnnlab.explain.trace.recorder import Call

_MAX_TERMS = 4  # a longer sum is not shown


# Sizes ---------------------------------------------------------------------------------------


def size_formula(call: Call) -> str:
    """How the output's height and width, or its length, are computed; empty if unchanged."""
    if call.word == "flatten" and len(call.in_shape) == 3:
        channels, height, width = call.in_shape
        if len(call.out_shape) == 2:  # positions alone, to a vector of them
            return f"{height}*{width} = {height * width}"
        return f"{height}*{width}*{channels} = {math.prod(call.in_shape)}"
    if call.word == "parameters":
        return ""
    windows = [step for step in call.steps if isinstance(step, Window)]
    if windows:
        return _both_sides(*(window_formula(windows[0], side) for side in (0, 1)))
    return next((text for step in call.steps if (text := _resizing(step))), "")


def window_formula(window: Window, side: int) -> str:
    """(W - F + 2P)/S + 1 with its numbers; ``side`` is 0 for the height, 1 for the width."""
    size, out, stride = (x[side] for x in (window.in_size, window.out_size, window.stride))
    if window.transposed:
        return _transposed_formula(window, side)
    total = size - window.effective_kernel[side] + sum(window.border[side])
    span = f"({size} - {_kernel(window, side)} + {_border(window.border[side])})"
    if window.remainder[side] == 0:
        return f"{span}/{stride} + 1 = {out}"
    rounding = "floor" if out == total // stride + 1 else "ceil"
    return f"{rounding}({span}/{stride}) + 1 = {out}"


def _transposed_formula(window: Window, side: int) -> str:
    size, out, stride = (x[side] for x in (window.in_size, window.out_size, window.stride))
    border = window.border[side]
    extra = out - ((size - 1) * stride - sum(border) + window.effective_kernel[side])
    more = f" + {extra}" if extra else ""
    return f"({size} - 1)*{stride} - {_border(border)} + {_kernel(window, side)}{more} = {out}"


def _kernel(window: Window, side: int) -> str:
    kernel, dilation = window.kernel[side], window.dilation[side]
    return str(kernel) if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"


def _border(border: Size) -> str:
    before, after = border
    return f"2*{before}" if before == after else f"({before} + {after})"


def _resizing(step: Step) -> str:
    if isinstance(step, Border):
        return _both_sides(
            *(
                f"{size} + {before} + {after} = {size + before + after}"
                for size, (before, after) in zip(
                    step.in_size, (step.rows, step.columns), strict=True
                )
            )
        )
    if isinstance(step, Resize):
        if step.out_size == (1, 1):
            return f"over all {by(step.in_size)}"
        return f"{by(step.in_size)} to {by(step.out_size)}"
    return ""


def _both_sides(rows: str, columns: str) -> str:
    return rows if rows == columns else f"H: {rows}, W: {columns}"


def by(sizes: Sequence[int]) -> str:
    """``28x28x6``"""
    return "x".join(map(str, sizes))


def equation(formula: str, value: int) -> str:
    """``6*(5*5*1 + 1) = 156``; nothing for 0."""
    if not value:
        return ""
    return f"{formula} = {value:,}" if formula else f"{value:,}"


# Parameters and multiply-adds ------------------------------------------------------------------


def parameter_formula(call: Call) -> str:
    """The layer's parameters: the weights and bias of a kernel, times the number of kernels."""
    shapes = {name: tuple(p.shape) for name, p in call.parameters.items()}
    by_name = {name.rpartition(".")[2]: shape for name, shape in shapes.items()}
    if len(shapes) == len(by_name) and set(by_name) in ({"weight"}, {"weight", "bias"}):
        weight, bias = by_name["weight"], by_name.get("bias")
        if weight == bias:
            return f"2*{_product(weight)}"
        is_transposed = any(isinstance(s, Window) and s.transposed for s in call.steps)
        if len(weight) > 1 and bias in (None, weight[:1]) and not is_transposed:
            out, in_channels, *kernel = weight
            weights = _product((*kernel, in_channels))
            return f"{out}*({weights} + 1)" if bias else f"{out}*{weights}"
    return _sum([_product(shape) for shape in shapes.values()])


def mac_formula(call: Call) -> str:
    """The layer's multiply-adds: output positions x kernels, times the weights of each kernel."""
    terms = [term for step in call.steps if (term := _macs_of(step)) is not None]
    if sum(macs for macs, _ in terms) != call.macs:
        return ""  # there is an operation that is neither a window nor a plain product
    return _sum([text for _, text in terms])


def _macs_of(step: Step) -> tuple[int, str] | None:
    """A step's multiply-adds, as a number and as text."""
    if isinstance(step, Product):
        outputs = f"{step.rows}*{step.outputs}" if step.rows > 1 else f"{step.outputs}"
        return step.rows * step.outputs * step.inputs, f"{outputs} * {step.inputs}"
    if not isinstance(step, Window) or step.channels is None:
        return None
    kernels, in_channels = step.channels
    positions, each = (*step.out_size, kernels), (*step.kernel, in_channels)
    if step.transposed:  # each number of the input is multiplied with all kernels of its group
        positions = (*step.in_size, in_channels * step.groups)
        each = (*step.kernel, kernels // step.groups)
    return math.prod(positions + each), f"{_product(positions)} * {_product(each)}"


def _product(factors: Sequence[int]) -> str:
    return "*".join(map(str, factors)) or "1"


def _sum(terms: Sequence[str]) -> str:
    """The terms as a sum, equal ones multiplied: ``2*(64*64)``."""
    counted = {term: terms.count(term) for term in terms}
    texts = [term if n == 1 else f"{n}*({term})" for term, n in counted.items()]
    return " + ".join(texts) if len(texts) <= _MAX_TERMS else ""
