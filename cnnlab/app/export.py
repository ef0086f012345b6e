"""``cnnlab export``: a trained network as a file for other programs.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from cnnlab.app.cli_listing import Imports
from cnnlab.app.written_picture import output_file

NORMALISATION = (
    "input: float32 (N, {channels}, {height}, {width}), normalised: (pixels / 255 - mean) / std; "
    "{names} are in the file's metadata"
)


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder, or that of an ensemble.")],
    form: Annotated[
        Literal["onnx", "torch", "safetensors"],
        typer.Option(
            "--format", help="ONNX; torch.export; or the weights alone with a model card."
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="File or folder to write [default: RUN/export]."),
    ] = None,
    imports: Imports = None,
) -> None:
    """Write a trained network for other programs.

    The file is loaded again and compared with the network on test images, or on random ones where
    the data are not here; a difference above 1e-4 is a failure. Names of the classes, mean and std
    are stored inside.
    """
    from cnnlab.discovery import discover

    discover(imports or [])
    from cnnlab.inference.export.export import export as write
    from cnnlab.inference.export.formats import FORMATS
    from cnnlab.inference.load import load_run
    from cnnlab.runs.run_dir import RunDir

    suffix = FORMATS[form].suffix
    folder = RunDir.open(run).path / "export"
    file = output_file(out, folder / f"model{suffix}", suffix)
    loaded = load_run(run)
    if not loaded.folder.is_done:
        print(f"{run} is not finished: exported is its best epoch so far", file=sys.stderr)
    files, found = write(loaded, form, file)
    same = "" if found.agreement is None else f"; same top-1: {found.agreement:.2%}"
    print(f"largest difference {found.difference:.1e} on {found.images}{same}")
    channels, height, width = loaded.spec.shape
    is_classifier = loaded.config.task.name == "classify"
    names = "mean, std and the names of the classes" if is_classifier else "mean and std"
    print(NORMALISATION.format(channels=channels, height=height, width=width, names=names))
    for path in files:
        print(path)
