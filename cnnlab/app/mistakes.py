"""``cnnlab mistakes``: what a classifier takes for what, how surely, and its worst mistakes.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.cli_listing import Imports, check_folder

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from rich.table import Table

    from cnnlab.explain.answers.calibration import Calibration
    from cnnlab.runs.run_dir import RunDir

FOLDER = "mistakes"  # in the run
MOST_ROWS = 20  # classes in the table on the terminal; of more, the worst


def mistakes(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold them.")],
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Folder for the pictures [default: mistakes/ in RUN]."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Open the pictures.")] = False,
    imports: Imports = None,
) -> None:
    """Confusion matrix, classes, calibration, worst mistakes.

    From a run's stored outputs on the test set: needs neither its data nor its network. Writes
    confusion.png, per_class.png, mistakes.png, calibration.png and the numbers as CSV.
    """
    from cnnlab.app.written_picture import output_file
    from cnnlab.discovery import discover
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.run_dir import open_runs

    discover(imports or [])
    chosen = check_folder("--out", out)
    if chosen is not None and output_file(out, Path("any"), ".png") == chosen:
        raise CnnlabError(f"--out {out}: several pictures are written; name a folder")
    folders = open_runs(runs)
    refused = 0
    for folder in folders:
        place = folder.path / FOLDER
        if chosen is not None:
            place = chosen if len(folders) == 1 else chosen / folder.name
        try:
            _report(folder, place, show=show)
        except CnnlabError as error:
            if len(folders) == 1:
                raise
            refused += 1
            print(f"cnnlab: {error}", file=sys.stderr)
    if refused:
        raise typer.Exit(1)


def _report(folder: "RunDir", place: Path, *, show: bool) -> None:
    """Print the table of one run, and write its pictures and numbers into a folder.

    Raises:
        CnnlabError: it is not a classifier, has no outputs, or they cannot be written there.
    """
    from cnnlab.explain.answers.calibration import calibration, calibration_figure
    from cnnlab.explain.answers.confusion import confusion_counts
    from cnnlab.explain.answers.mistakes import mistakes_figure
    from cnnlab.explain.answers.per_class import per_class_figure
    from cnnlab.inference.ensemble.members import LOGITS, read_outputs
    from cnnlab.inference.mistake_pictures import mistake_pictures
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.mistakes import confidences
    from cnnlab.terminal import console
    from cnnlab.training.pictures.class_names import short_names
    from cnnlab.training.pictures.confusion import confusion_figure

    if not folder.is_done:
        raise CnnlabError(f"{folder} is not finished; `cnnlab train` continues it")
    if "test_acc" not in folder.result():
        raise CnnlabError(f"{folder}: not a classifier, or not tested; it has no logits")
    logits, labels = read_outputs(folder.outputs_file(LOGITS))
    predicted, sure = logits.argmax(1), confidences(logits)
    names = _class_names(folder, logits.shape[1])
    short = short_names(names)
    counts = confusion_counts(labels, predicted, len(names))
    found = calibration(sure, predicted == labels)
    figures = {
        "confusion": confusion_figure(labels, predicted, names, title=folder.name),
        "per_class": per_class_figure(counts, short, f"{folder.name}: accuracy of each class"),
        "calibration": calibration_figure(found, f"Reliability of {folder.name}"),
    }
    screen = console()
    print(f"{folder}: {int((predicted == labels).sum()):,} of {len(labels):,} right")
    screen.print(_table(counts, names), style=None)
    print(
        f"expected calibration error {found.error:.2%}: {len(found.counts)} bins of equal width "
        f"(Guo et al. 2017); mean confidence {sure.mean():.2%}, accuracy "
        f"{(predicted == labels).mean():.2%}"
    )
    try:
        worst = mistake_pictures(folder, logits, labels)
    except CnnlabError as error:
        print(f"mistakes.png left out, no pictures: {error}", file=sys.stderr)
    else:
        if len(worst) and max(worst.labels.max(), worst.predicted.max()) < len(names):
            arrays = (worst.pixels, worst.labels, worst.predicted, worst.confidence)
            title = f"The {len(worst)} most confident mistakes of {folder.name}"
            figures["mistakes"] = mistakes_figure(*arrays, short, title)
        else:
            print("mistakes.png left out: there are no mistakes", file=sys.stderr)
    tables = {
        "per_class": _class_table(counts, names),
        "calibration": _bin_table(found),
        "mistakes": _mistake_table(logits, labels, names),
    }
    _write(place, figures, tables, show=show)


def _class_names(folder: "RunDir", classes: int) -> list[str]:
    """As the run recorded them; numbers where it did not, or there are others."""
    from cnnlab.runs.data_record import DataRecord

    record = DataRecord.read(folder)
    names = [] if record is None else list(record.classes)
    return names if len(names) == classes else [str(index) for index in range(classes)]


def _table(counts: "NDArray[np.int64]", names: Sequence[str]) -> "Table":
    """A row for each class with images: their number, accuracy, what it is most taken for."""
    import numpy as np
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cnnlab.explain.answers.confusion import accuracies, confused_with

    accuracy, images, others = accuracies(counts), counts.sum(axis=1), confused_with(counts)
    order = np.flatnonzero(images)
    heading = "class"
    if len(order) > MOST_ROWS:
        heading = f"class (worst {MOST_ROWS} of {len(order)})"
        order = order[np.argsort(accuracy[order], kind="stable")[:MOST_ROWS]]
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    shown.add_column(heading, overflow="fold")
    for title in ("images", "accuracy %"):
        shown.add_column(title, justify="right")
    shown.add_column("most often taken for", overflow="fold")
    for index in order.tolist():
        other = others[index]
        said = "" if other is None else f"{names[other]} ({counts[index, other]:,})"
        percent = f"{100 * accuracy[index]:.2f}"
        shown.add_row(Text(names[index]), f"{images[index]:,}", percent, Text(said))
    return shown


def _class_table(counts: "NDArray[np.int64]", names: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    from cnnlab.explain.answers.confusion import accuracies, confused_with

    others = ["" if index is None else names[index] for index in confused_with(counts)]
    columns = {
        "class": names,
        "images": counts.sum(axis=1),
        "right": counts.diagonal(),
        "accuracy": accuracies(counts),
        "most_often_taken_for": others,
    }
    return pd.DataFrame(columns)


def _bin_table(found: "Calibration") -> "pd.DataFrame":
    import pandas as pd

    columns = {
        "above": found.edges[:-1],
        "up_to": found.edges[1:],
        "images": found.counts,
        "confidence": found.confidence,
        "accuracy": found.accuracy,
    }
    return pd.DataFrame(columns)


def _mistake_table(
    logits: "NDArray[np.float32]", labels: "NDArray[np.int64]", names: Sequence[str]
) -> "pd.DataFrame":
    """Every mistake, the most confident one first."""
    import pandas as pd

    from cnnlab.runs.mistakes import confidences, most_confident_mistakes

    index = most_confident_mistakes(logits, labels, limit=len(labels))
    columns = {
        "index": index,
        "true": [names[label] for label in labels[index]],
        "predicted": [names[label] for label in logits[index].argmax(1)],
        "confidence": confidences(logits[index]),
    }
    return pd.DataFrame(columns)


def _write(
    place: Path,
    figures: Mapping[str, "Figure"],
    tables: Mapping[str, "pd.DataFrame"],
    *,
    show: bool,
) -> None:
    """Write NAME.png and NAME.csv into the folder, and print their paths.

    Raises:
        CnnlabError: they cannot be written there.
    """
    from cnnlab.app.written_picture import write_picture
    from cnnlab.runs.durable import write_text

    for name, figure in figures.items():
        write_picture(figure, place / f"{name}.png", show=show)
        print(place / f"{name}.png")
    for name, table in tables.items():
        write_text(place / f"{name}.csv", table.to_csv(index=False))
        print(place / f"{name}.csv")
