"""``cnnlab ensemble``: the runs of a seed sweep combined, as a table, a figure and saved folders.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.cli_listing import Imports, check_folder, discover_named

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

FOLDER = "ensembles"  # beside the runs, as the folder of their comparison
CAPTION = (
    "Test error: mean of the single networks, then of all n together by their mean probability "
    "(soft) and by majority (hard). Disagreement: images on which two networks differ."
)


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold them.")],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Folder for table, figure and ensembles [default: beside the runs].",
        ),
    ] = None,
    imports: Imports = None,
) -> None:
    """Combine the runs of each configuration, one per seed.

    From their stored logits, without training. Writes ensemble.csv, ensemble.png and, for each
    configuration, a folder that cnnlab test and compare take like a run's.
    """
    discover_named(imports)
    chosen = check_folder("--out", out)
    import pandas as pd

    from cnnlab.compare.report import report_folder
    from cnnlab.inference.ensemble.curve import error_table
    from cnnlab.inference.ensemble.members import find_seed_sweeps
    from cnnlab.inference.ensemble.save import save
    from cnnlab.terminal import console

    sweeps, notes = find_seed_sweeps(runs)
    names = _labels([sweep.members[0].shown for sweep in sweeps])
    tables = [error_table(sweep, name) for sweep, name in zip(sweeps, names, strict=True)]
    table = pd.concat(tables, ignore_index=True)
    screen = console()
    screen.print(_summary(table), f"\n{CAPTION}", style=None)
    for note in notes:
        screen.print(f"Note: {note}.", style="yellow", markup=False)
    for sweep in sweeps:
        print(save(sweep, (chosen or sweep.members[0].folder.path.parent) / FOLDER))
    place = chosen or report_folder(runs)
    _write(table, place)
    print(place)


def _labels(rows: list[dict[str, object]]) -> list[str]:
    from cnnlab.compare.configurations import label, unique, varying_keys

    keys = varying_keys(rows) or ["model"]
    return unique([label(row, keys) for row in rows])


def _summary(table: "pd.DataFrame") -> "Table":
    """One row for each configuration: errors of one network and of all, disagreement, cost."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cnnlab.text import duration, si

    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    shown.add_column("configuration", overflow="fold")
    headings = ("n", "single %", "soft %", "hard %", "differ %", "params", "MACs", "train")
    for heading in headings:
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, rows in table.groupby("configuration", sort=False):
        errors = rows.set_index(["k", "vote"])["error_mean"]
        n = rows["k"].max()
        last = rows.iloc[-1]
        shares = (errors[1, "soft"], errors[n, "soft"], errors[n, "hard"], last["disagreement"])
        shown.add_row(
            Text(str(name)),
            str(n),
            *(f"{100 * share:.2f}" for share in shares),
            *(si(last["params"]), si(last["macs"]), duration(last["train_seconds"])),
        )
    return shown


def _write(table: "pd.DataFrame", folder: Path) -> None:
    """Write ensemble.csv and ensemble.png.

    Raises:
        CnnlabError: they cannot be written there.
    """
    from cnnlab.compare.ensemble_figure import ensemble_figure
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.durable import replacing, write_text
    from cnnlab.runs.read_file import reason

    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "ensemble.csv", table.to_csv(index=False))
        with replacing(folder / "ensemble.png") as file:
            ensemble_figure(table).savefig(file, format="png")
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or folder}: {reason(error)}; use another folder with --out FOLDER"
        ) from error
