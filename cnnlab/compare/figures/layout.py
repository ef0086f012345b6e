"""Title, panels, legend and caption, each in a place of its own, however long their text is."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend

from cnnlab.compare.figures.style import DPI, TEXT_GREY, drawable
from cnnlab.terminal import middle_cut

TITLE_SIZE, LEGEND_SIZE, CAPTION_SIZE = 12, 9, 8.5  # points
MARGIN = 0.12  # inches, as all lengths here
GAP = 0.1
LONGEST_TITLE = 300  # characters
HANDLE = 0.75  # of a legend's entry, beside its text


def new_figure(width: float, height: float) -> Figure:
    """A figure with panels of ``height`` inches; title, legend below and caption are added."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def text_width(figure: Figure, text: str, size: float) -> float:
    """Width of one line of text in inches, its size in points."""
    line = figure.text(0, 0, text, fontsize=size)
    width, _ = _size(figure, line)
    line.remove()
    return width


def wrapped(figure: Figure, text: str, size: float, width: float) -> str:
    """The text in lines of at most ``width`` inches; line breaks in it are kept."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and text_width(figure, longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return "\n".join(_cut(figure, line, size, width) for line in lines)


def _cut(figure: Figure, text: str, size: float, width: float) -> str:
    full = text_width(figure, text, size)
    return text if full <= width else middle_cut(text, int(len(text) * 0.95 * width / full))


def arrange(
    figure: Figure,
    title: str,
    *,
    caption: str = "",
    handles: Sequence[Artist] = (),
    labels: Sequence[str] = (),
    legend_below: bool = False,
) -> None:
    """Place everything, once: the panels must be drawn, and stay where they are afterwards.

    Args:
        handles, labels: of the legend, beside the panels or below them.
    """
    width, panels = figure.get_size_inches()
    inner = width - 2 * MARGIN
    heading = figure.suptitle(
        wrapped(figure, drawable(title, LONGEST_TITLE), TITLE_SIZE, inner),
        x=0.5,
        y=1,
        va="top",
        fontsize=TITLE_SIZE,
    )
    texts = [_cut(figure, label, LEGEND_SIZE, inner - HANDLE) for label in labels]
    legend = _legend(figure, handles, texts, below=legend_below) if texts else None
    legend_width, legend_height = _size(figure, legend)
    if legend is not None and not legend_below:
        inner -= legend_width + GAP
        panels = max(panels, legend_height)
    note = figure.text(
        MARGIN / width,
        0,
        wrapped(figure, caption, CAPTION_SIZE, width - 2 * MARGIN),
        fontsize=CAPTION_SIZE,
        color=TEXT_GREY,
        va="bottom",
    )
    above = MARGIN + _size(figure, heading)[1] + GAP
    note_top = MARGIN + (_size(figure, note)[1] + GAP if caption else 0)
    below = note_top + (legend_height + GAP if legend_below else 0)
    height = above + panels + below
    figure.set_size_inches(width, height)
    heading.set_y(1 - MARGIN / height)
    note.set_y(MARGIN / height)
    if legend is not None:
        corner = (width / 2, below - GAP) if legend_below else (width - MARGIN, height - above)
        legend.set_bbox_to_anchor((corner[0] / width, corner[1] / height))
    outside = [artist for artist in (heading, note, legend) if artist is not None]
    for artist in outside:
        artist.set_in_layout(False)
    rect = (MARGIN / width, below / height, inner / width, panels / height)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=rect, w_pad=0.05, h_pad=0.05))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for artist in outside:  # a notebook cuts off what is in no layout
        artist.set_in_layout(True)


def _legend(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, below: bool
) -> Legend:
    widest = HANDLE + max(text_width(figure, label, LEGEND_SIZE) for label in labels)
    columns = int((figure.get_size_inches()[0] - 2 * MARGIN) / widest)
    return figure.legend(
        handles,
        labels,
        loc="upper center" if below else "upper right",
        ncols=max(1, min(columns, len(labels))) if below else 1,
        borderaxespad=0,
        fontsize=LEGEND_SIZE,
        handlelength=3,  # shows a dashed line as one
    )


def _size(figure: Figure, artist: Artist | None) -> tuple[float, float]:
    """Width and height in inches."""
    if artist is None:
        return 0, 0
    box = artist.get_window_extent()
    return float(box.width) / figure.dpi, float(box.height) / figure.dpi
