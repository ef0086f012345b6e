"""How to cite: the papers of the models and data sets of a comparison, with BibTeX where known."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cnnlab.compare.comparison import Comparison

FILE = Path(__file__).with_name("papers.bib")
DATA = "data: "  # in the file, before the names of data sets


@dataclass(frozen=True)
class Reference:
    """Attributes:
    of: the models and data sets whose paper it is.
    text: ``He et al. 2016, Deep residual learning for image recognition``.
    bibtex: empty where it is not known.
    """

    of: tuple[str, ...]
    text: str
    bibtex: str


def references(comparison: Comparison) -> list[Reference]:
    """Each paper once. Runs made before do not name their model's paper."""
    cited: dict[str, dict[str, None]] = {}
    runs = [run for row in comparison.rows for run in row.runs]
    for run in runs:
        paper = run.result.get("paper")
        if isinstance(paper, str) and paper:
            cited.setdefault(paper, {})[str(run.shown["model"])] = None
    for run in runs:
        if paper := data_papers().get(str(run.shown.get("data.name", run.shown["data"]))):
            cited.setdefault(paper, {})[str(run.shown["data"])] = None
    return [Reference(tuple(of), text, bibtex().get(text, "")) for text, of in cited.items()]


@functools.cache
def bibtex() -> dict[str, str]:
    """The entry of each paper, by the registry's words for it."""
    return {names[0]: entry for names, entry in _entries()}


@functools.cache
def data_papers() -> dict[str, str]:
    """The paper of each data set, in the registry's words."""
    return {
        data: names[0]
        for names, _ in _entries()
        for line in names[1:]
        for data in line.removeprefix(DATA).split()
    }


def _entries() -> Iterable[tuple[list[str], str]]:
    text = FILE.read_text(encoding="utf-8")
    for comments, entry in re.findall(r"((?:^% .+\n)+)(@[\s\S]+?^\}$)", text, re.MULTILINE):
        yield [line.removeprefix("% ") for line in comments.splitlines()], entry
