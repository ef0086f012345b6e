"""Where a sliding window stops: padding, stride, and the output size with its arithmetic."""

from typing import Literal

from cnnlab.explain.layers.formulas import by, window_formula
from cnnlab.explain.trace.operations import Size, Window
from cnnlab.registry import CnnlabError

Padding = Literal["valid", "same"] | int


def place_windows(
    in_size: Size, kernel: Size, *, stride: int = 1, padding: Padding = "valid"
) -> Window:
    """The positions of a window on an input of height and width.

    ``valid`` adds no border; a number P adds P zeros on every side; ``same`` is TensorFlow's, as in
    the models here: ceil(W / S) positions for every stride, the border that this needs, and where
    that is odd (an even kernel, often a stride of 2) the extra row and column at the end.
    torch.nn.functional refuses ``same`` with a stride; with an even kernel it pads alike.

    Raises:
        CnnlabError: a stride below 1, a negative padding, or a window larger than the padded input.
    """
    if stride < 1:
        raise CnnlabError(f"stride {stride} must be at least 1")
    if not isinstance(padding, str) and padding < 0:
        raise CnnlabError(f"padding {padding} must be valid, same, or a number from 0")
    rows, columns = (
        _border(size, window, stride, padding) for size, window in zip(in_size, kernel, strict=True)
    )
    padded = in_size[0] + sum(rows), in_size[1] + sum(columns)
    if padded[0] < kernel[0] or padded[1] < kernel[1]:
        border = f" with padding {padding}" if sum(rows) + sum(columns) else ""
        raise CnnlabError(f"a {by(kernel)} window does not fit into {by(in_size)}{border}")
    out_size = (padded[0] - kernel[0]) // stride + 1, (padded[1] - kernel[1]) // stride + 1
    return Window(in_size, out_size, kernel, (stride, stride), (rows, columns))


def _border(size: int, window: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Zeros before and after."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        positions = -(-size // stride)
        total = max((positions - 1) * stride + window - size, 0)
        return total // 2, total - total // 2
    assert isinstance(padding, int)
    return padding, padding


def size_arithmetic(window: Window) -> str:
    """``(W - F + 2P)/S + 1 = (5 - 3 + 2*0)/1 + 1 = 3``; where they differ, of H and of W."""
    height, width = (_side_arithmetic(window, side) for side in (0, 1))
    return width if height.replace("H", "W", 1) == width else f"{height}, {width}"


def _side_arithmetic(window: Window, side: int) -> str:
    before, after = window.border[side]
    twice = "2P" if before == after else "P"
    return f"({'HW'[side]} - F + {twice})/S + 1 = {window_formula(window, side)}"


def kept_share(window: Window) -> str:
    """``9 of 25 positions``: what a stride keeps of the positions that stride 1 has."""
    rows, columns = (
        size + sum(border) - kernel + 1
        for size, border, kernel in zip(window.in_size, window.border, window.kernel, strict=True)
    )
    return f"{window.out_size[0] * window.out_size[1]:,} of {rows * columns:,} positions"


def parse_padding(text: str) -> Padding:
    """``valid``, ``same`` or a number, as typed.

    Raises:
        CnnlabError: it is none of them.
    """
    if text == "valid":
        return "valid"
    if text == "same":
        return "same"
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        raise CnnlabError(f"--padding '{text}' must be valid, same, or a number from 0 to 999")
    return int(text)
