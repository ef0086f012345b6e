"""``cnnlab shift``: accuracy against the size of a change of the test images, as table and figure.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cnnlab.app.cli_listing import Imports, discover_named

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from cnnlab.data.dataset import Images
    from cnnlab.explain.image_changes import Change
    from cnnlab.inference.load import Run
    from cnnlab.runs.run_dir import RunDir

FIVE = "5"  # the class of the image that is shown, where there is one of this name
CAPTION = "Test accuracy in %, mean ± SD over the runs of a configuration"


def shift(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold them.")],
    by: Annotated[
        Literal["translate", "scale", "rotate", "thickness", "noise"],
        typer.Option(help="How the test images are changed."),
    ] = "translate",
    images: Annotated[
        int, typer.Option(min=1, help="Use at most this many test images, classes in proportion.")
    ] = 10_000,
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Folder, or PNG file [default: beside the runs]."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Open the picture.")] = False,
    imports: Imports = None,
) -> None:
    """Accuracy against the size of a change: MLP against CNN.

    One line per configuration, with a band over its seeds. All runs see the same changed test
    images. Writes shift_translate.png and .csv.

    cnnlab shift runs/demo --by rotate
    """
    discover_named(imports)
    from cnnlab.app.written_picture import output_file, write_picture
    from cnnlab.compare.report import report_folder
    from cnnlab.compare.shift_figure import shift_figure
    from cnnlab.explain.image_changes import CHANGES
    from cnnlab.inference.load import load_run
    from cnnlab.inference.shift import changed_examples
    from cnnlab.inference.test_images import load_test_images, stratified_sample
    from cnnlab.runs.durable import write_text
    from cnnlab.terminal import console

    output_file(out, Path("."), ".png")  # refused before the work
    change = CHANGES[by]
    folders, note = _finished(runs)
    loaded = [load_run(folder) for folder in folders]
    chosen = stratified_sample(load_test_images(loaded), images)
    height, width = chosen.pixels.shape[2:]
    sizes = change.sizes(min(height, width))
    table = _measure(loaded, _labels(folders), chosen, change, sizes)
    screen = console()
    data = str(loaded[0].config.data["name"])
    screen.print(_summary(table, change), style=None)
    counted = f"{len(chosen):,} test images of {data}"
    screen.print(f"\n{CAPTION}; {counted}.", markup=False)
    if note:
        print(note, file=sys.stderr)
    file = output_file(out, report_folder(runs) / f"shift_{by}.png", ".png")
    examples = changed_examples(chosen, _example(loaded[0], chosen), change, sizes)
    pictures = examples.permute(0, 2, 3, 1).squeeze(-1).numpy()
    title = f"Accuracy under {change.noun}: {counted}"
    figure = shift_figure(table, change.axis, title, pictures, loaded[0].spec.num_classes)
    write_picture(figure, file, show=show)
    csv = file.with_suffix(".csv")
    write_text(csv, table.to_csv(index=False))
    print(csv, file, sep="\n")


def _finished(paths: Sequence[Path]) -> tuple[list["RunDir"], str]:
    """The finished runs at or below the paths, and how many others there are.

    Raises:
        CnnlabError: there is no run at one of the paths, or none is finished.
    """
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.run_dir import open_runs
    from cnnlab.text import plural

    folders = open_runs(paths)
    done = [folder for folder in folders if folder.is_done]
    others = plural(len(folders) - len(done), "unfinished run")
    if not done:
        raise CnnlabError(f"nothing to evaluate: {others}; `cnnlab train` continues them")
    return done, f"{others} left out" if len(done) < len(folders) else ""


def _labels(folders: Sequence["RunDir"]) -> list[str]:
    """The name of each run's configuration: its model, and what else varies."""
    from cnnlab.compare.configurations import label, unique, varying_keys
    from cnnlab.runs.first_edition import groups_of
    from cnnlab.runs.flat import with_choices

    groups = groups_of(folders)
    first = dict(reversed([*zip(groups, folders, strict=True)]))
    ordered = list(dict.fromkeys(groups))
    rows = [
        with_choices(first[group].config(), first[group].status().get("choices") or {})
        for group in ordered
    ]
    models = [str(row.get("model", "")) for row in rows]
    if len(set(models)) < len(models):
        keys = varying_keys(rows) or ["model"]
        models = unique([label(row, keys) for row in rows])
    names = dict(zip(ordered, models, strict=True))
    return [names[group] for group in groups]


def _measure(
    runs: Sequence["Run"],
    labels: Sequence[str],
    images: "Images",
    change: "Change",
    sizes: Sequence[float],
) -> "pd.DataFrame":
    """One row for each run and size; on a terminal the size is shown that is worked at."""
    import pandas as pd

    from cnnlab.inference.shift import accuracy_under_change

    classifiers = [(run.tested, run.spec) for run in runs]
    rows = []
    is_terminal = sys.stderr.isatty()
    for size, accuracies in accuracy_under_change(classifiers, images, change, sizes):
        if is_terminal:
            print(f"\r{change.axis}: {size:g} of {sizes[-1]:g} ", end="", file=sys.stderr)
        for run, name, accuracy in zip(runs, labels, accuracies, strict=True):
            rows.append(
                {
                    "configuration": name,
                    "model": run.result.get("model", run.config.model["name"]),
                    "seed": run.result.get("seed", run.config.seed),
                    "run": run.folder.name,
                    "by": change.name,
                    "size": size,
                    "accuracy": accuracy,
                    "num_images": len(images),
                }
            )
    if is_terminal:
        print("\r\033[K", end="", file=sys.stderr)
    return pd.DataFrame(rows)


def _summary(table: "pd.DataFrame", change: "Change") -> "Table":
    """One row for each size, one column for each configuration."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    shown.add_column(change.axis, justify="right", overflow="fold")
    names = list(dict.fromkeys(table["configuration"]))
    for name in names:
        runs = (table["configuration"] == name).sum() // table["size"].nunique()
        shown.add_column(Text(f"{name} (n={runs})"), justify="right", overflow="fold")
    for size, rows in table.groupby("size"):
        cells = []
        for name in names:
            found = 100 * rows.loc[rows["configuration"] == name, "accuracy"]
            sd = f" ± {found.std():.2f}" if len(found) > 1 else ""
            cells.append(f"{found.mean():.2f}{sd}")
        shown.add_row(f"{size:g}", *cells)
    return shown


def _example(run: "Run", images: "Images") -> int:
    """The image that is shown: the five nearest to the mean of all fives, else the first image."""
    names = list(run.spec.class_names)
    fives = (images.labels == (names.index(FIVE) if FIVE in names else -1)).nonzero().flatten()
    if not len(fives):
        return 0
    pixels = images.pixels[fives].float().flatten(1)
    return int(fives[(pixels - pixels.mean(0)).square().sum(1).argmin()])
