"""``cnnlab predict``: a trained network's guesses for the user's own pictures.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.cli_listing import Imports
from cnnlab.app.written_picture import output_file, write_picture

if TYPE_CHECKING:
    from rich.table import Table

    from cnnlab.inference.predict import Prediction

MANY = 200  # pictures from which on a GPU is worth its start


def predict(
    run: Annotated[Path, typer.Argument(help="A run's folder, or that of an ensemble.")],
    pictures: Annotated[
        list[Path], typer.Argument(help="Picture files, or folders that hold them.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Classes to name for each picture.")] = 3,
    csv: Annotated[bool, typer.Option("--csv")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="File or folder for the contact sheet [default: inside the run]."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Open the contact sheet.")] = False,
    imports: Imports = None,
) -> None:
    """Classify your own pictures with a trained run.

    Pictures of any size and format are made what the network takes; what was done to each is said.
    Writes predictions.png: each picture, what the network saw of it, and its guess. A file that is
    not a picture is named and skipped; the exit code is then 1.
    """
    from cnnlab.app.arguments import refuse_together
    from cnnlab.discovery import discover

    refuse_together({"--csv": csv, "--json": json})
    discover(imports or [])
    from dataclasses import replace

    import numpy as np
    import torch

    from cnnlab.inference.contact_sheet import MOST_SHOWN, contact_sheet
    from cnnlab.inference.load import load_run
    from cnnlab.inference.predict import (
        Prediction,
        find_pictures,
        predictions_of,
        require_classifier,
    )
    from cnnlab.inference.prediction_text import as_csv, as_json
    from cnnlab.terminal import console

    loaded = load_run(run)
    require_classifier(loaded)
    sheet = output_file(out, loaded.folder.path / "predictions.png", ".png")
    found, notes = find_pictures(pictures)
    if len(found) >= MANY and torch.cuda.is_available():
        loaded.model.cuda()
    nothing = np.zeros((1, 1, 1), dtype=np.uint8)
    for note in notes:
        print(note, file=sys.stderr)
    predictions, skipped = list[Prediction](), 0
    for answer in predictions_of(loaded, found, top=top):
        if isinstance(answer, str):
            skipped += 1
            print(f"cnnlab: {answer}; skipped", file=sys.stderr)
        elif len(predictions) < MOST_SHOWN:
            predictions.append(answer)
        else:  # without the pictures, of which there may be very many
            predictions.append(replace(answer, pixels=nothing, thumbnail=nothing))
    if csv or json:
        print(as_csv(predictions) if csv else as_json(predictions))
    elif predictions:
        console().print(_table(predictions))
    if predictions:
        title = f"{loaded.result.get('model', loaded.config.model['name'])}: {loaded.folder.name}"
        figure = contact_sheet(predictions[:MOST_SHOWN], title, len(predictions))
        write_picture(figure, sheet, show=show)
        print(sheet, file=sys.stderr if csv or json else None)
    if skipped:
        raise typer.Exit(1)


def _table(predictions: "Sequence[Prediction]") -> "Table":
    """Each picture with its most probable classes, one below the other, and what was done to it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("picture", overflow="fold", ratio=3)
    table.add_column("guesses", overflow="fold", ratio=3)
    table.add_column("what was done to it", overflow="fold", ratio=4)
    for each in predictions:
        pairs = zip(each.classes, each.probabilities, strict=True)
        guesses = "\n".join(f"{100 * share:5.1f}%  {name}" for name, share in pairs)
        table.add_row(Text(each.file), Text(guesses), Text(", ".join(each.notes) or "nothing"))
    return table
