"""One row of a table of layers, from one traced call."""

import re
from dataclasses import dataclass
from typing import Any

from cnnlab.explain.layers.formulas import by, mac_formula, parameter_formula, size_formula
from cnnlab.explain.trace.operations import Size, Window
from cnnlab.explain.trace.recorder import Call

FLOAT32 = 4  # bytes


@dataclass(frozen=True)
class Row:
    """One layer, function or folded part of a network, for one image."""

    name: str  # path of the module, followed by the function if it calls one
    operation: str  # conv, maxpool, add; the class of a folded part
    output: str  # H x W x C, or the length of a vector
    size_formula: str = ""
    kernel: str = ""
    stride: str = ""
    padding: str = ""
    dilation: str = ""
    groups: int = 1
    parameters: int = 0
    parameter_formula: str = ""
    macs: int = 0
    mac_formula: str = ""
    receptive_field: Size | None = None  # pixels, height and width; None where not known
    activation_bytes: int = 0  # new memory for the output at float32: 0 for a view or in place
    repeats: int = 1  # equal parts folded into this row; numbers are totals

    @property
    def window(self) -> str:
        """``5x5 s2 p1``: kernel, stride, padding, and dilation or groups if there are any."""
        if not self.kernel:
            return ""
        more = f" d{self.dilation}" if self.dilation != "1" else ""
        more += f" g{self.groups}" if self.groups > 1 else ""
        return f"{self.kernel} s{self.stride} p{self.padding}{more}"

    @property
    def description(self) -> str:
        """``conv 5x5 s2 p1``, or ``5x5 s2 p1`` if the name already says that it is a conv."""
        in_name = re.search(rf"(^|[._]){re.escape(self.operation)}$", self.name) is not None
        return " ".join(filter(None, ("" if in_name else self.operation, self.window)))

    @property
    def field(self) -> str:
        """The receptive field: one number if it is square, ``?`` if it is not known."""
        if self.receptive_field is None:
            return "?" if self.output else ""
        return _side(self.receptive_field)


def row_of(call: Call) -> Row:
    """The row of a call, with its arithmetic."""
    window = next((step for step in call.steps if isinstance(step, Window)), None)
    return Row(
        name=_name(call),
        operation=call.word if call.is_used else "unused",
        output=_output(call),
        size_formula=size_formula(call),
        **(_window_columns(window) if window is not None else {}),
        parameters=sum(parameter.numel() for parameter in call.parameters.values()),
        parameter_formula=parameter_formula(call),
        macs=call.macs,
        mac_formula=mac_formula(call),
        receptive_field=call.receptive_field.pixels if call.receptive_field else None,
        activation_bytes=FLOAT32 * call.num_new,
    )


def _name(call: Call) -> str:
    if call.path:
        return call.path
    return ", ".join(call.parameters) if call.parameters else call.word  # of the model itself


def _output(call: Call) -> str:
    if len(call.out_shape) == 3 and not call.channels_last:
        channels, height, width = call.out_shape
        return by((height, width, channels))
    return by(call.out_shape)


def _window_columns(window: Window) -> dict[str, Any]:
    rows, columns = window.border
    is_even = rows[0] == rows[1] and columns[0] == columns[1]
    return {
        "kernel": by(window.kernel),
        "stride": _side(window.stride),
        "padding": _side((rows[0], columns[0])) if is_even else "same",
        "dilation": _side(window.dilation),
        "groups": window.groups,
    }


def _side(size: Size) -> str:
    """One number if height and width are equal."""
    return str(size[0]) if size[0] == size[1] else by(size)
