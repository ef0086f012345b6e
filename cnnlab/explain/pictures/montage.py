"""Panels on one page, in two columns of about equal height, and each as a figure of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from PIL import Image

from cnnlab.explain.pictures.drawing import LARGE, MEDIUM

WIDTH = 8.0  # inches of a panel
DPI = 120
HEAD, LINE = 0.5, 0.18  # inches of a page's title, and of a line below it


@dataclass(frozen=True)
class Panel:
    """A drawing 8 inches wide: ``draw`` takes a figure, or a part of one, of ``height`` inches."""

    height: float
    draw: Callable[[FigureBase], None]


def panel_figure(panel: Panel) -> Figure:
    """The panel alone."""
    figure = Figure(figsize=(WIDTH, panel.height), dpi=DPI, layout="constrained")
    panel.draw(figure)
    return figure


def montage(panels: Sequence[Panel], title: str, left_out: Mapping[str, str]) -> Figure:
    """All panels on one page.

    Args:
        left_out: what is missing, and why; written at the end of the page.

    Raises:
        ValueError: there is no panel.
    """
    if not panels:
        raise ValueError("a montage needs at least one panel")
    columns = _columns([panel.height for panel in panels])
    heights = [sum(panels[i].height for i in column) for column in columns]
    lines = [fill(line, 75 * len(columns)) for line in left_out_lines(left_out)]
    foot = LINE * sum(1 + line.count("\n") for line in lines)
    body = max(heights)
    figure = Figure(
        figsize=(WIDTH * len(columns), HEAD + body + foot), dpi=DPI, layout="constrained"
    )
    ratios = [HEAD, body, *([foot] if lines else [])]
    rows = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    rows[0].text(0.01, 0.5, title, fontsize=LARGE + 3, va="center", weight="bold")
    if lines:
        rows[2].text(0.01, 0.95, "\n".join(lines), fontsize=MEDIUM, va="top", color="#5F5F5F")
    parts = rows[1].subfigures(1, len(columns), squeeze=False)[0]
    for part, column in zip(parts, columns, strict=True):
        ratios = [panels[i].height for i in column]
        ratios.append(max(body - sum(ratios), 0.01))  # the shorter column has room at its end
        places = part.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
        for place, index in zip(places, column, strict=False):
            panels[index].draw(place)
    return figure


def left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """``left out: kernels, Grad-CAM: no convolution``, a line for each reason."""
    return [
        f"left out: {', '.join(name for name in left_out if left_out[name] == why)}: {why}"
        for why in dict.fromkeys(left_out.values())
    ]


def write_png(figure: Figure, file: BinaryIO) -> None:
    """Write a figure; ``savefig`` would draw it twice for its layout."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format="png", compress_level=4)


def _columns(heights: Sequence[float]) -> list[list[int]]:
    """The panels in their order, in one or two columns of which the higher one is lowest."""
    indices = list(range(len(heights)))
    if len(heights) < 2:
        return [indices]
    cut = min(indices[1:], key=lambda i: max(sum(heights[:i]), sum(heights[i:])))
    return [indices[:cut], indices[cut:]]
