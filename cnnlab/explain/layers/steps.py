"""Layers computed step by step, as in a lecture's exercise: sizes, parameters and MACs."""

from collections.abc import Iterator, Sequence

from torch import nn

from cnnlab.explain.layers.formulas import by, equation, window_formula
from cnnlab.explain.layers.row import Row, row_of
from cnnlab.explain.trace.operations import Window
from cnnlab.explain.trace.recorder import Call
from cnnlab.explain.trace.trace import trace
from cnnlab.spec import ImageSpec


def steps(lines: Sequence[str], layers: nn.Module, spec: ImageSpec) -> list[str]:
    """The computation of each line, step by step; the last line of text is the result.

    ``layers`` are those of a conv_stack, whose modules are named by line: ``1_conv``.
    """
    text, output = [], str(spec)
    calls = trace(layers, spec)
    for number, line in enumerate(lines, start=1):
        text += [line, f"  input {output}"]
        for call in calls:
            if call.path.startswith(f"{number}_"):
                row = row_of(call)
                inner = call.path.partition(".")[2]
                text += [f"  {inner} {row.description}".rstrip()] if inner else []
                text += [f"  {step}" for step in _explained(call, row)]
                output = row.output
        text.append("")
    return [*text, f"{spec} -> {output}"]


def _explained(call: Call, row: Row) -> Iterator[str]:
    windows = [step for step in call.steps if isinstance(step, Window)]
    for window in windows:
        yield from _window_steps(window)
    if row.size_formula and not windows:
        yield row.size_formula
    if row.parameters:
        yield f"parameters {equation(row.parameter_formula, row.parameters)}"
    if row.macs:
        yield f"MACs {equation(row.mac_formula, row.macs)}"
    yield f"output H x W x K = {row.output}" if "x" in row.output else f"output {row.output}"


def _window_steps(window: Window) -> Iterator[str]:
    """The numbers, then the formula and each step of its computation."""
    is_square = window_formula(window, 0) == window_formula(window, 1)
    for side in (1,) if is_square else (0, 1):
        letter = "HW"[side]
        before, after = window.border[side]
        kernel, stride = window.effective_kernel[side], window.stride[side]
        border, twice = (before, "2P") if before == after else (before + after, "P")
        yield f"{letter} = {window.in_size[side]}, F = {kernel}, P = {border}, S = {stride}"
        formula = window_formula(window, side)
        yield f"({letter} - F + {twice})/S + 1 = {_stepwise(window, side, formula)}"
    if window.channels is not None:
        kernels, in_channels = window.channels
        shape = by((*window.kernel, in_channels))
        yield f"{kernels} kernels of {shape}, each of which gives a map: K = {kernels}"
    else:
        yield "each map is pooled separately: K is unchanged"


def _stepwise(window: Window, side: int, formula: str) -> str:
    """``(28 - 4 + 2*1)/2 + 1 = 26/2 + 1 = 13 + 1 = 14``"""
    computed, _, out = formula.rpartition(" = ")
    stride, size = window.stride[side], window.in_size[side]
    total = size - window.effective_kernel[side] + sum(window.border[side])
    quotient = int(out) - 1
    divided = f"{total}/{stride}"
    if window.remainder[side]:
        rounding = computed.partition("(")[0]
        exact = f"{rounding}({divided}) + 1 = {rounding}({total / stride:.4g})"
    else:
        exact = divided
    return f"{computed} = {exact} + 1 = {quotient} + 1 = {quotient + 1}"
