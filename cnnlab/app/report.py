"""``cnnlab report``: the page of a comparison."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cnnlab.compare.compare import compare
from cnnlab.compare.page.write import report_files, write_page
from cnnlab.registry import CnnlabError


def write_report(
    runs: Sequence[Path],
    *,
    out: str | None,
    title: str | None,
    reference: str | None,
    target: str | None,
    latex: bool,
) -> None:
    """Write the page and print the paths of its files.

    Raises:
        CnnlabError: nothing can be compared, or nothing can be written there.
    """
    files = report_files(out, runs)
    wanted = None if target is None else read_target(target)
    comparison = compare(runs, reference=reference, target=wanted)
    words = ["cnnlab", *sys.argv[1:]]
    for path in write_page(comparison, files, title=title, words=words, latex=latex):
        print(path)


def read_target(text: str) -> float:
    """``95%`` or ``0.95`` -> 0.95.

    Raises:
        CnnlabError: it is not a number.
    """
    is_percent = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError as error:
        raise CnnlabError(f"--target {text}: is not a number; give 95% or 0.95") from error
    return value / 100 if is_percent else value
