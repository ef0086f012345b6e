"""The files of a report: where they go, and how they are written."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.page.latex import latex_table
from cnnlab.compare.page.markdown import markdown, write_figures
from cnnlab.compare.page.render import captions, render
from cnnlab.compare.report import report_folder
from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.read_file import reason

NAME = "report.html"


@dataclass(frozen=True)
class ReportFiles:
    """Paths of a report's files: report.html, report.md, its folder of figures, table.tex."""

    page: Path

    @property
    def markdown(self) -> Path:
        return self.page.with_suffix(".md")

    @property
    def figures(self) -> Path:
        return self.page.with_name(f"{self.page.stem}_files")

    @property
    def latex(self) -> Path:
        named = self.page.name != NAME
        return self.page.with_name(f"{self.page.stem}_table.tex" if named else "table.tex")


def report_files(out: str | None, runs: Sequence[Path]) -> ReportFiles:
    """Where a report goes.

    Args:
        out: a file that ends in .html, or a folder; None: beside the runs.

    Raises:
        CnnlabError: the file is a folder, the folder a file, or it names neither.
    """
    if out is None:
        return ReportFiles(report_folder(runs) / NAME)
    if not out.strip():
        raise CnnlabError("--out needs a value")
    path = Path(os.path.expanduser(out))
    is_page = path.suffix.lower() in (".html", ".htm")
    if is_page and path.is_dir():
        raise CnnlabError(f"--out {out}: is a folder; give a file in it: {path / NAME}")
    if not is_page and path.suffix and not path.is_dir():
        raise CnnlabError(f"--out {out}: a report ends in .html, or is a folder")
    page = path if is_page else path / NAME
    for place in page.parents:
        if place.exists() and not place.is_dir():
            raise CnnlabError(f"--out {out}: {place} is a file, not a folder")
    return ReportFiles(page)


def write_page(
    comparison: Comparison,
    files: ReportFiles,
    *,
    title: str | None = None,
    words: Sequence[str] = (),
    latex: bool = False,
) -> list[Path]:
    """Write the files of a report; return the paths of those that a person opens.

    Args:
        title: of the page; None: what is compared.
        words: the command line that makes it.
        latex: write table.tex too.

    Raises:
        CnnlabError: they cannot be written there.
    """
    title = title or comparison.title[:1].upper() + comparison.title[1:]
    command = shlex.join(words)
    paths = [files.page, files.markdown]
    try:
        files.page.parent.mkdir(parents=True, exist_ok=True)
        write_text(files.page, render(comparison, title, command))
        pictures = write_figures(comparison, files.figures)
        beside = files.page.parent
        said = captions(comparison)
        write_text(files.markdown, markdown(comparison, title, pictures, said, command, beside))
        if latex:
            write_text(files.latex, latex_table(comparison))
            paths.append(files.latex)
    except OSError as error:
        place = error.filename or files.page
        raise CnnlabError(f"{place}: {reason(error)}; use another place with --out") from error
    return paths
