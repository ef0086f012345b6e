"""A picture and its activation maps side by side, each with its kernel."""

import textwrap
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnnlab.explain.convolution.kernels import Kernel
from cnnlab.explain.convolution.layout import GREY, Matrix, add_axes, new_figure, write
from cnnlab.explain.convolution.maps import MapPanel

COLORMAPS = {"picture": "gray", "signed": "RdBu_r", "positive": "gray"}
COLUMNS = 3
DPI = 150
# Inches.
WIDEST, NARROWEST = 13.33, 8.0  # WIDEST is a slide's
MARGIN, GAP = 0.3, 0.25
SIDE = 1.15  # beside a map: its kernel and colour bar
AXIS_LEFT, TICKS_BELOW, AXIS_BELOW = 0.55, 0.3, 0.5
HIGHEST, HIGHEST_OF_MANY, LOWEST = 4.2, 2.6, 0.5
TOP, HEADING, LINE = 0.75, 0.6, 0.24
BAR_GAP, BAR, BAR_NUMBERS = 0.3, 0.12, 0.25
KERNEL = 0.93
LETTER = 0.087  # width of a letter of the caption, on average


def maps_figure(panels: Sequence[MapPanel], title: str, *, note: str = "") -> Figure:
    """Draw the panels three in a row, all pictures equally wide.

    Below them are the output sizes with their arithmetic, and what the colours mean.

    Args:
        note: ends the caption: where the picture is from, how it was resized.
    """
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    sides = [SIDE if any(map(_has_side, panels[i::columns])) else 0 for i in range(columns)]
    beside = sum(sides) + columns * AXIS_LEFT + (columns - 1) * GAP + 2 * MARGIN
    height, width = panels[0].pixels.shape[-2:]
    highest = HIGHEST if lines == 1 else HIGHEST_OF_MANY
    scale = min((WIDEST - beside) / columns / width, highest / height)
    shown = max(width * scale, LOWEST), max(height * scale, LOWEST)
    row = HEADING + max(shown[1], *map(_side_height, panels)) + TICKS_BELOW
    figure_width = max(beside + columns * shown[0], NARROWEST)
    letters = int((figure_width - 2 * MARGIN) / LETTER)
    caption = [part for line in _caption(panels, note) for part in textwrap.wrap(line, letters)]
    panels_height = lines * row + AXIS_BELOW - TICKS_BELOW
    figure_height = TOP + panels_height + LINE * len(caption) + MARGIN
    figure = new_figure(figure_width, figure_height, DPI)
    write(figure, MARGIN, 0.2, title, fontsize=18)
    for i, panel in enumerate(panels):
        line, column = divmod(i, columns)
        left = MARGIN + AXIS_LEFT + sum(sides[:column]) + column * (AXIS_LEFT + shown[0] + GAP)
        top = TOP + line * row + HEADING
        axes = _draw(figure, panel, left, top, shown)
        if i + columns >= len(panels):
            axes.set_xlabel("column (pixels)", fontsize=10, color=GREY, labelpad=1)
        if column == 0:
            axes.set_ylabel("row (pixels)", fontsize=10, color=GREY, labelpad=1)
    for i, text in enumerate(caption):
        write(figure, MARGIN, TOP + panels_height + 0.1 + i * LINE, text, color=GREY, fontsize=11.5)
    return figure


def _has_side(panel: MapPanel) -> bool:
    return panel.kernel is not None or panel.kind != "picture"


def _side_height(panel: MapPanel) -> float:
    """Inches of what is beside a map."""
    kernel = 0.0 if panel.kernel is None else KERNEL + 0.25 * (panel.kernel.divisor != 1)
    return kernel + (BAR_GAP + BAR + BAR_NUMBERS if panel.kind != "picture" else 0)


def _draw(
    figure: Figure, panel: MapPanel, left: float, top: float, size: tuple[float, float]
) -> Axes:
    """A panel with its heading above, its kernel and colour bar on the right."""
    axes = add_axes(figure, left, top, *size)
    height, width = panel.pixels.shape[-2:]
    colors = matplotlib.colormaps[COLORMAPS[panel.kind]]
    norm = Normalize(*panel.limits)
    axes.imshow(panel.image, cmap=colors, norm=norm, aspect="auto", extent=(0, width, height, 0))
    axes.tick_params(labelsize=9, length=2.5, color=GREY, labelcolor=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, steps=(1, 2, 5, 10)))
    write(figure, left, top - 0.28, panel.name, va="bottom", fontsize=15)
    about = "  ".join(filter(None, (panel.size, panel.channels)))
    write(figure, left, top - 0.06, about, va="bottom", fontsize=11, color=GREY)
    beside = left + size[0] + 0.14
    kernel_height = _draw_kernel(figure, panel.kernel, beside, top) if panel.kernel else 0.0
    if panel.kind != "picture":
        bar = add_axes(figure, beside + 0.03, top + kernel_height + BAR_GAP, 0.87, BAR)
        figure.colorbar(ScalarMappable(norm, colors), cax=bar, orientation="horizontal")
        ends = panel.limits if panel.kind == "positive" else (panel.limits[0], 0, panel.limits[1])
        bar.set_xticks(ends, [f"{end:.2g}" for end in ends], fontsize=9)
        bar.set_title("response", fontsize=9, pad=3, color=GREY)
    return axes


def _draw_kernel(figure: Figure, kernel: Kernel, left: float, top: float) -> float:
    """The kernel's numbers, over their divisor; returns the height in inches."""
    cells = kernel.texts
    matrix = Matrix(figure, left, top, cells, KERNEL / max(len(cells), len(cells[0])))
    if kernel.divisor == 1:
        return matrix.height
    write(figure, left, top + matrix.height + 0.06, f"/ {kernel.divisor}", fontsize=11)
    return matrix.height + 0.25


def _caption(panels: Sequence[MapPanel], note: str) -> list[str]:
    """Output sizes, each arithmetic once; then what the numbers and colours are."""
    lines = list(dict.fromkeys(line for panel in panels for line in panel.arithmetic))
    said = "Sizes: height x width x channels."
    if any(panel.kind != "picture" for panel in panels):
        said += " Pixels are 0 (black) to 1"
        if any(panel.channels == "R + G + B" for panel in panels):
            said += "; responses are added over red, green and blue"
        said += "; colours end at the strongest 0.5%."
    lines.append(said)
    return [*lines, note] if note else lines
