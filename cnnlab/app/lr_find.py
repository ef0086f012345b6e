"""``cnnlab lr-find``: the learning rate range test of a config, its picture and its suggestion."""

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.cli_listing import Imports
from cnnlab.app.config_arguments import Out, Show, Words, read_config
from cnnlab.app.written_picture import output_file, write_picture
from cnnlab.registry import CnnlabError
from cnnlab.text import plural

if TYPE_CHECKING:
    from cnnlab.config.options import RunConfig
    from cnnlab.training.lr_range_test import RangeTest

LEAST_STEPS = 25  # with fewer there is nothing to smooth
LINES = 10  # of progress, where there is no terminal


def lr_find(
    words: Words = None,
    lr_min: Annotated[float, typer.Option(help="Learning rate of the first step.")] = 1e-5,
    lr_max: Annotated[float, typer.Option(help="Learning rate of the last step.")] = 10.0,
    steps: Annotated[int, typer.Option(min=LEAST_STEPS, help="Optimiser steps.")] = 150,
    out: Out = None,
    show: Show = False,
    imports: Imports = None,
) -> None:
    """Find a learning rate by a range test (Smith 2017).

    cnnlab lr-find model=resnet20 data=cifar10

    Takes the overrides of cnnlab train: with that model, optimiser, batch size and augmentation it
    trains from the initial weights and writes no run. Prints two suggestions and writes a picture
    and a CSV file.
    """
    if not 0 < lr_min < lr_max < float("inf"):
        raise CnnlabError(f"--lr-min {lr_min:g} must be above 0 and below --lr-max {lr_max:g}")
    config = read_config(words, imports)
    if config.resume is not None:
        raise CnnlabError(f"resume={config.resume}: lr-find starts from the initial weights")
    if "lr" not in config.optim:
        raise CnnlabError(f"optim={config.optim['name']} has no option lr")
    model, data = config.model["name"], config.data["name"]
    path = output_file(out, Path(f"lr-find-{model}-{data}.png"), ".png")
    from cnnlab.training.pictures.lr_range import lr_range_figure

    test = _run(config, lr_min, lr_max, steps)
    setting = f"{model} on {data}, {config.optim['name']}, batches of {config.batch_size}"
    _print(test, setting, steps)
    figure = lr_range_figure(test, f"Learning rate range test: {setting}")
    write_picture(figure, path, show=show)
    print(path)
    _write(test, path.with_suffix(".csv"))
    if test.suggestions is None:
        raise typer.Exit(1)


def _run(config: "RunConfig", lr_min: float, lr_max: float, steps: int) -> "RangeTest":
    """The test, under a bar on a terminal; elsewhere with a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from cnnlab.training.lr_range_test import lr_range_test

    columns = (TextColumn("{task.description}"), BarColumn(24), TimeRemainingColumn(compact=True))
    console = Console(file=sys.stderr, highlight=False)
    try:
        with Progress(
            *columns, console=console, transient=True, disable=not sys.stderr.isatty()
        ) as bar:
            task = bar.add_task("loading", total=steps)

            def on_step(done: int, lr: float, loss: float) -> None:
                said = f"step {done}/{steps}  lr {lr:.2e}  loss {loss:.3f}"
                bar.update(task, completed=done, description=said)
                if bar.disable and done * LINES // steps > (done - 1) * LINES // steps:
                    print(said, file=sys.stderr, flush=True)

            return lr_range_test(config, lr_min, lr_max, steps, on_step)
    except KeyboardInterrupt as stop:  # of which typer would say nothing
        print("\ncnnlab: interrupted; nothing was written", file=sys.stderr)
        raise typer.Exit(130) from stop


def _print(test: "RangeTest", setting: str, steps: int) -> None:
    done = len(test.lrs)
    print(f"{setting}: {plural(done, 'step')}, {test.lrs[0]:.3g} to {test.lrs[-1]:.3g}")
    if test.ended:
        print(f"ended after {done} of {steps} steps: {test.ended}")
    if test.suggestions is None:
        print("no suggestion: the loss did not fall; try other --lr-min, --lr-max or more --steps")
        return
    steepest, tenth = test.suggestions
    print(f"optim.lr={steepest:.2g}   where the smoothed loss falls most steeply")
    print(f"optim.lr={tenth:.2g}   a tenth of where it is lowest")


def _write(test: "RangeTest", path: Path) -> None:
    """The numbers behind the picture, a row for each step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "lr", "loss", "smoothed_loss"))
    for step, row in enumerate(zip(test.lrs, test.losses, test.smoothed, strict=True)):
        writer.writerow((step, *(f"{value:.6g}" for value in row)))
    try:
        path.write_text(text.getvalue())
    except OSError as error:
        raise CnnlabError(f"cannot write {path}: {error.strerror}") from error
    print(path)
