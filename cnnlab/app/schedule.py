"""``cnnlab schedule``: the learning rate over a run, drawn before anything is trained."""

from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.app.cli_listing import Imports
from cnnlab.app.config_arguments import Out, Show, Words, read_config
from cnnlab.app.written_picture import output_file, write_picture

if TYPE_CHECKING:
    from cnnlab.training.learning_rates import LearningRates


def schedule(
    words: Words = None,
    out: Out = None,
    show: Show = False,
    imports: Imports = None,
) -> None:
    """Draw the learning rate over a run.

    cnnlab schedule schedule=onecycle optim.lr=0.1 trainer.epochs=30

    Takes the overrides of cnnlab train; trains nothing and reads no images.
    """
    from cnnlab.training.learning_rates import learning_rates
    from cnnlab.training.pictures.schedule import schedule_figure

    config = read_config(words, imports)
    path = output_file(out, Path(f"schedule-{config.schedule['name']}.png"), ".png")
    rates = learning_rates(config)
    _print(rates)
    write_picture(schedule_figure(rates), path, show=show)
    print(path)


def _print(rates: "LearningRates") -> None:
    from rich import box
    from rich.table import Table

    from cnnlab.terminal import console

    print(rates.title)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("learning rate", "", "steps done", "epochs done"):
        table.add_column(heading, justify="left" if heading == "learning rate" else "right")
    for name, step in (("first", 0), ("peak", rates.peak), ("last", len(rates.values) - 1)):
        epoch = step / rates.steps_per_epoch
        table.add_row(name, f"{rates.values[step]:.4g}", f"{step:,}", f"{epoch:.2f}")
    console().print(table)
    for note in rates.notes:
        print(note)
