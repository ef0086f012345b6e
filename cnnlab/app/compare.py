"""``cnnlab compare``: a table, verdicts and figures of runs.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.app.cli_listing import Imports, check_folder, discover_named


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders, or folders that hold them; CSV files with results made elsewhere."
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=VALUE", help="The row that the others are tested against: model=lenet5."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="Validation to give the training time to: 95%."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Folder for the table and figures [default: beside the runs]."
        ),
    ] = None,
    imports: Imports = None,
) -> None:
    """Compare runs in a table and figures.

    Configurations are tested in pairs, or each against --reference, and p values corrected for the
    number of tests. Writes results.csv, pairs.csv, results.md, curves.png and cost.png, and where a
    number was swept sweep.png.
    """
    discover_named(imports)
    chosen = check_folder("--out", out)
    from cnnlab.compare.compare import compare as compare_runs
    from cnnlab.compare.report import report_folder, write_report
    from cnnlab.compare.terminal_table import print_report
    from cnnlab.discovery import without_collection
    from cnnlab.terminal import console

    with without_collection():  # of 1,000 runs it takes a tenth of the time, and finds nothing
        comparison = compare_runs(runs, reference=reference, target=target)
        print_report(comparison, console())
        folder = chosen or report_folder(runs)
        write_report(comparison, folder)
    print(folder)
