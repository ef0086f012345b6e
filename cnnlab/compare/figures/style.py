"""Colours, line styles and markers, and text as a figure can show it."""

import functools
from dataclasses import dataclass
from itertools import cycle, islice

from cnnlab.terminal import middle_cut

# Okabe & Ito 2008, distinct to colour-blind readers; without its yellow, too pale for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
GREY = "#8C8C8C"  # what is dominated
PALE = "#C8C8C8"  # what is not named
TEXT_GREY = "#5F5F5F"
DPI = 150
MOST_NAMED = 12  # configurations in colour and by name; more are hard to tell apart
LONGEST = 100  # characters of a name


@dataclass(frozen=True)
class Look:
    """What tells a line from the others: its style and marker as well as its colour."""

    color: str
    line: str
    marker: str


def looks(count: int) -> list[Look]:
    """A look for each of ``count`` lines; the first 28 differ in colour and style."""
    styles = zip(cycle(COLORS), cycle(LINE_STYLES), cycle(MARKERS), strict=False)
    return [Look(*style) for style in islice(styles, count)]


def drawable(text: str, most: int = LONGEST) -> str:
    """A name as matplotlib shows it: no formulas, and no letters that its font does not have."""
    cut = middle_cut(" ".join(text.split()), most)
    letters = "".join(letter if ord(letter) in _glyphs() else "?" for letter in cut)
    # A legend leaves out what starts with an underscore.
    return (f" {letters}" if letters.startswith("_") else letters).replace("$", r"\$")


@functools.cache
def _glyphs() -> frozenset[int]:
    """The letters of matplotlib's default font, by number."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
