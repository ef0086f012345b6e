"""``cnnlab look``: what a trained network does with one image, as a montage and as single files.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.cli_listing import Imports, check_folder, discover_named

if TYPE_CHECKING:
    from torch import Tensor

    from cnnlab.data.loading.memory import MemoryBatches
    from cnnlab.explain.pictures.look import Look
    from cnnlab.inference.load import Run

FOLDER = "look"  # in the run's
MONTAGE = "montage"


def look(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    image: Annotated[
        Path | None, typer.Option("--image", metavar="FILE", help="A picture of your own.")
    ] = None,
    index: Annotated[
        int | None,
        typer.Option(min=0, help="An image of the test set by its number [default: 0]."),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Layer whose maps are shown; repeatable."),
    ] = None,
    channel: Annotated[
        int | None,
        typer.Option(
            "--map",
            min=0,
            metavar="NUMBER",
            help="Map whose receptive field and strongest images are shown "
            "[default: the strongest of each layer].",
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option("--html", help="One offline page whose units can be clicked, instead."),
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Folder for the pictures [default: RUN/look]."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Open the montage or the page.")] = False,
    imports: Imports = None,
) -> None:
    """Show what a trained network does with one image.

    Its first kernels, feature maps of every stage, receptive fields, the test images that excite a
    map most, Grad-CAM, integrated gradients and occlusion, class probabilities. Writes montage.png
    and a PNG for each part; names what is left out, and why. With --html one page instead, on which
    a click on a unit shows its receptive field, its window, its kernel and their products.

    cnnlab look RUN --index 7 --layer c3 --map 5
    cnnlab look RUN --index 7 --html
    """
    from cnnlab.app.arguments import refuse_together

    discover_named(imports)
    refuse_together({"--image": image, "--index": index is not None})
    for flag, value in {"--layer": layer, "--map": channel is not None}.items():
        refuse_together({"--html": html, flag: value})
    chosen = None if html else check_folder("--out", out)
    loaded = _load(run)
    examples: MemoryBatches | str
    label: int | None = None
    if image is not None:
        pixels = _own_picture(loaded, image)
        examples = "" if html else _examples_or_reason(loaded, download=False)
    else:
        examples = _examples(loaded, run)
        pixels, label = _test_image(examples, index or 0)
    name = image.name if image is not None else f"test image {index or 0}"
    if html:
        from cnnlab.app.look_page import write_look_page

        stem = image.stem if image is not None else f"test-image-{index or 0}"
        default = loaded.folder.path / FOLDER / f"{stem}.html"
        write_look_page(loaded, pixels, f"{loaded.folder.name}: {name}", label, out, default, show)
        return
    from cnnlab.explain.pictures import look as pictures
    from cnnlab.explain.pictures.montage import left_out_lines

    found = pictures.look(
        loaded.model,
        pixels,
        loaded.spec,
        label=label,
        layers=layer or (),
        channel=channel,
        is_classifier=loaded.config.task.name == "classify",
        examples=examples,
    )
    folder = chosen or loaded.folder.path / FOLDER
    _write(found, folder, f"{loaded.folder.name}: {name}")
    for line in left_out_lines(found.left_out):
        print(line, file=sys.stderr)
    if show:
        import webbrowser

        webbrowser.open((folder / f"{MONTAGE}.png").absolute().as_uri())


def _load(path: Path) -> "Run":
    """The run; of an ensemble its first member."""
    from cnnlab.inference.load import load_run
    from cnnlab.runs.ensemble_record import member_runs
    from cnnlab.runs.run_dir import RunDir

    folder = RunDir.open(path)
    members = member_runs(folder)
    if not members:
        return load_run(folder)
    first = members[0]
    print(
        f"{folder.name} is an ensemble of {len(members)}: looking at its first member, "
        f"{first.name}",
        file=sys.stderr,
    )
    return load_run(first)


def _own_picture(run: "Run", file: Path) -> "Tensor":
    """A picture from a file as the network takes it: normalised (C, H, W); says what is done."""
    if notes := run.preprocess.prepare(file).notes:
        print(f"{file}: {', '.join(notes)}", file=sys.stderr)
    return run.preprocess(file)[0]


def _examples(run: "Run", path: Path) -> "MemoryBatches":
    """The test set.

    Raises:
        CnnlabError: its files are not there; it names ``--image``.
    """
    from cnnlab.registry import CnnlabError

    found = _examples_or_reason(run, download=True)
    if isinstance(found, str):
        raise CnnlabError(f"{found}; without the data: cnnlab look {path} --image FILE")
    return found


def _examples_or_reason(run: "Run", *, download: bool) -> "MemoryBatches | str":
    """The test set, or why it is not there."""
    from cnnlab.data.loading.load import load_images
    from cnnlab.data.loading.memory import MemoryBatches
    from cnnlab.inference.data import require_same_images
    from cnnlab.registry import CnnlabError

    try:
        require_same_images(run.folder, run.spec, run.dataset.spec)
        if not download and run.dataset.needs_download():
            data = run.config.data["name"]
            return (
                f"the files of data={data} are not there; `cnnlab look` without --image, or a "
                "training, downloads them"
            )
        test = load_images(run.dataset).test
    except CnnlabError as error:
        return str(error)
    return MemoryBatches(test, run.spec, "cpu")


def _test_image(examples: "MemoryBatches", index: int) -> tuple["Tensor", int]:
    """A test image, normalised (C, H, W), and its class.

    Raises:
        CnnlabError: there is none of that number.
    """
    import torch

    from cnnlab.registry import CnnlabError

    if index >= len(examples):
        raise CnnlabError(
            f"--index {index}: the test set has {len(examples):,} images, "
            f"0 to {len(examples) - 1:,}"
        )
    images, labels = examples(torch.tensor([index]))
    return images[0], int(labels[0])


def _write(found: "Look", folder: Path, title: str) -> None:
    """Write the montage and a PNG for each part, and print their paths.

    Raises:
        CnnlabError: they cannot be written there.
    """
    from cnnlab.explain.pictures.drawing import drawable
    from cnnlab.explain.pictures.montage import montage, panel_figure, write_png
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.durable import replacing
    from cnnlab.runs.read_file import reason

    panels = list(found.panels.values())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, panel in found.files.items():
            with replacing(folder / f"{name}.png", sync_file=False, sync_folder=False) as file:
                write_png(panel_figure(panel), file)
            print(folder / f"{name}.png")
        with replacing(folder / f"{MONTAGE}.png") as file:
            write_png(montage(panels, drawable(title, 100), found.left_out), file)
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or folder}: {reason(error)}; use another folder with --out FOLDER"
        ) from error
    print(folder / f"{MONTAGE}.png")
