"""The report of a comparison: a folder of files."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from cnnlab.compare.columns import caption, columns, title, warnings_on_n
from cnnlab.compare.comparison import Comparison, Finding
from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.essential import digest
from cnnlab.runs.read_file import is_file, reason
from cnnlab.runs.run_dir import RunDir

LONGEST_NAME = 60  # characters of what a report's folder is named after


def write_report(comparison: Comparison, folder: Path) -> list[Path]:
    """Write results.csv, pairs.csv, results.md, curves.png and cost.png; return their paths.

    Where a number was swept, sweep.png too.

    Raises:
        CnnlabError: they cannot be written there.
    """
    from cnnlab.compare.figures import cost_figure, curves_figure, sweep_figure

    texts = {
        "results.csv": comparison.table.to_csv(index=False),
        "pairs.csv": comparison.pairs.to_csv(index=False),
        "results.md": as_markdown(comparison),
    }
    figures = {"curves.png": curves_figure, "cost.png": cost_figure, "sweep.png": sweep_figure}
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
            written.append(folder / name)
        for name, draw in figures.items():
            if (figure := draw(comparison)) is not None:
                figure.savefig(folder / name)
                written.append(folder / name)
    except OSError as error:
        place = error.filename or folder
        raise CnnlabError(
            f"{place}: {reason(error)}; use another folder with --out FOLDER"
        ) from error
    return written


def report_folder(paths: Sequence[Path]) -> Path:
    """Where the report on these runs goes, so that no two comparisons share a folder.

    Inside a folder of runs that is compared by itself; for anything else beside the sweeps of the
    first one, in its own folder: ``runs/comparisons/first-second-3f2a91bc``.
    """
    first = RunDir(Path(os.path.expanduser(paths[0])))
    is_run = is_file(first.config_file)
    if len(paths) == 1 and not is_run:
        return first.path / "comparison"
    sweep = first.path.absolute().parent if is_run else first.path.absolute()
    places = sorted(str(Path(os.path.expanduser(path)).resolve()) for path in paths)
    words = "-".join(re.sub(r"[^\w.+]+", "-", Path(place).name) for place in places)
    name = f"{words[:LONGEST_NAME]}-{digest(places)[:8]}"
    return Path(os.path.relpath(sweep.parent / "comparisons" / name))


def as_markdown(comparison: Comparison) -> str:
    """The table, notes and verdict as a markdown page."""
    shown = columns(comparison)
    headings = [" ".join(column.heading) for column in shown]
    rows = [
        [" ".join(part for part in cell if part).replace("|", r"\|") for cell in row]
        for row in zip(*(column.cells for column in shown), strict=True)
    ]
    rule = ["---" if column.is_name else "---:" for column in shown]
    lines = [f"| {' | '.join(row)} |" for row in (headings, rule, *rows)]
    found = [f"- **{finding_line(finding)}**" for finding in comparison.findings]
    notes = [f"- Note: {note}." for note in (*warnings_on_n(comparison), *comparison.notes)]
    said = [f"- {verdict}" for verdict in comparison.verdicts]
    blocks = [[f"# {title(comparison)}"], found, lines, [caption(comparison)], notes, said]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def finding_line(finding: Finding) -> str:
    """``Spoils the comparison: trainer.epochs: 12 in resnet20; 10 in the other 3.``"""
    return f"{finding.mark}: {finding.text}."
