"""``cnnlab report``: the page of a comparison.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnlab.app.cli_listing import Imports, discover_named


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, folders that hold them, or CSV files.")
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="FILE.html or a folder [default: beside the runs]."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="ROW", help="Test all others against it: model=lenet5."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="VALUE", help="For the time to it: 95%.")
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Write table.tex too.")] = False,
    imports: Imports = None,
) -> None:
    """Write a comparison of runs as a page: report.html.

    One file with tables, verdicts and charts that opens offline; and report.md with pictures.
    """
    discover_named(imports)
    from cnnlab.compare.compare import compare
    from cnnlab.compare.page.write import report_files, write_page
    from cnnlab.discovery import without_collection

    files = report_files(out, runs)  # refuses before anything is read
    words = ["cnnlab", *sys.argv[1:]]
    with without_collection():
        comparison = compare(runs, reference=reference, target=target)
        written = write_page(comparison, files, title=title, words=words, latex=latex)
    for path in written:
        print(path)
