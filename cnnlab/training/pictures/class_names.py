"""Names of classes as a picture can show them: short, and in letters of its font."""

import functools
from collections import Counter
from collections.abc import Sequence

from cnnlab.terminal import middle_cut

LONGEST = 24  # letters of a name


def drawable(text: str) -> str:
    """The text without what the font of pictures cannot draw, such as emoji."""
    return " ".join("".join(letter for letter in text if ord(letter) in _glyphs()).split())


def short_names(names: Sequence[str]) -> list[str]:
    """A short name for each class, no two the same; its number where nothing else tells it apart.

    ``a_class_with_an_endless_name_of_its_own`` -> ``a_class_with_an…e_of_its_own``.
    """
    short = [middle_cut(drawable(name), LONGEST) for name in names]
    short = [name.replace("$", r"\$") for name in short]  # no formula to matplotlib
    counts = Counter(short)
    return [
        name if name and counts[name] == 1 else f"{index} {name}".rstrip()
        for index, name in enumerate(short)
    ]


@functools.cache
def _glyphs() -> frozenset[int]:
    """The letters of matplotlib's default font, by number."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
