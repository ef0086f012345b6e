"""The slide's exercise: what a few written layers make of a map, with every step of the sum."""

from collections.abc import Iterator, Sequence

from torch import nn

from cnnlab.explain.layers.formulas import by, equation, window_formula
from cnnlab.explain.layers.row import Row, row_of
from cnnlab.explain.trace.operations import Window
from cnnlab.explain.trace.recorder import Call
from cnnlab.explain.trace.trace import trace
from cnnlab.spec import ImageSpec


def steps(lines: Sequence[str], layers: nn.Module, spec: ImageSpec) -> list[str]:
    """What each line does to the map, spelled out; the last line of text is the answer.

    ``layers`` are those of a conv_stack, whose modules are named by line: ``1_conv``.
    """
    told, output = [], str(spec)
    calls = trace(layers, spec)
    for number, line in enumerate(lines, start=1):
        told += [line, f"  input {output}"]
        for call in calls:
            if call.path.startswith(f"{number}_"):
                row = row_of(call)
                inner = call.path.partition(".")[2]
                told += [f"  {inner} {row.description}".rstrip()] if inner else []
                told += [f"  {text}" for text in _explained(call, row)]
                output = row.output
        told.append("")
    return [*told, f"{spec} -> {output}"]


def _explained(call: Call, row: Row) -> Iterator[str]:
    windows = [step for step in call.steps if isinstance(step, Window)]
    for window in windows:
        yield from _slid(window)
    if row.size_formula and not windows:
        yield row.size_formula
    if row.parameters:
        yield f"parameters {equation(row.parameter_formula, row.parameters)}"
    if row.macs:
        yield f"MACs {equation(row.mac_formula, row.macs)}"
    yield f"output H x W x K = {row.output}" if "x" in row.output else f"output {row.output}"


def _slid(window: Window) -> Iterator[str]:
    """The formula, then its numbers, then each step of the sum."""
    is_square = window_formula(window, 0) == window_formula(window, 1)
    for side in (1,) if is_square else (0, 1):
        letter = "HW"[side]
        before, after = window.border[side]
        kernel, stride = window.reach[side], window.stride[side]
        border, twice = (before, "2P") if before == after else (before + after, "P")
        yield f"{letter} = {window.in_size[side]}, F = {kernel}, P = {border}, S = {stride}"
        sums = window_formula(window, side)
        yield f"({letter} - F + {twice})/S + 1 = {_stepwise(window, side, sums)}"
    if window.channels is not None:
        kernels, spanned = window.channels
        shape = by((*window.kernel, spanned))
        yield f"{kernels} kernels of {shape}, each of which gives a map: K = {kernels}"
    else:
        yield "each map is pooled by itself: K stays"


def _stepwise(window: Window, side: int, sums: str) -> str:
    """``(28 - 4 + 2*1)/2 + 1 = 26/2 + 1 = 13 + 1 = 14``"""
    shown, _, out = sums.rpartition(" = ")
    stride, size = window.stride[side], window.in_size[side]
    total = size - window.reach[side] + sum(window.border[side])
    quotient = int(out) - 1
    divided = f"{total}/{stride}"
    if window.rest[side]:
        rounding = shown.partition("(")[0]
        exact = f"{rounding}({divided}) + 1 = {rounding}({total / stride:.4g})"
    else:
        exact = divided
    return f"{shown} = {exact} + 1 = {quotient} + 1 = {quotient + 1}"
