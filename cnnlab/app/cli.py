"""The ``cnnlab`` command. Each subcommand is a few lines that call one function elsewhere.

Nothing heavy is imported up here: ``cnnlab --help`` must answer at once.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cnnlab.app.bench import bench
from cnnlab.app.cli_listing import (
    Imports,
    completion,
    components,
    data_sets,
    layers,
    list_runs,
    models,
    tensorboard,
)
from cnnlab.app.compare import compare
from cnnlab.app.convolve import convolve
from cnnlab.app.embed import embed
from cnnlab.app.ensemble import ensemble
from cnnlab.app.export import export
from cnnlab.app.kernels import kernels
from cnnlab.app.look import look
from cnnlab.app.lr_find import lr_find
from cnnlab.app.mistakes import mistakes
from cnnlab.app.pack import pack
from cnnlab.app.predict import predict
from cnnlab.app.report import report
from cnnlab.app.schedule import schedule
from cnnlab.app.shift import shift
from cnnlab.app.show import show
from cnnlab.registry import CnnlabError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # plain help needs no import of rich
    help="A laboratory for convolutional networks: train, sweep, compare, look inside.",
)
HYDRA = {"ignore_unknown_options": True, "allow_extra_args": True}


def main() -> None:
    """Run a command. Exit code 2 for the user's mistakes, 1 for failures, 130 for Ctrl-C."""
    try:
        app()
    except CnnlabError as error:
        if os.environ.get("CNNLAB_DEBUG") == "1":
            raise
        print(f"cnnlab: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"cnnlab {version('cnnlab')}")
        raise typer.Exit


@app.callback()
def _cnnlab(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    pass


@app.command(context_settings=HYDRA, add_help_option=False)
def train(
    context: typer.Context,
    imports: Imports = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show Lightning's own messages.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the jobs, their cost and time; train nothing.")
    ] = False,
) -> None:
    """Train one run, or with -m a sweep.

    A sweep: cnnlab train -m model=mlp,lenet5 seed=0,1,2

    Takes Hydra's overrides and flags; cnnlab train --help shows every option. With --plan it only
    prints what it would do, and about how long that would take.
    """
    from cnnlab.discovery import discover, importing

    with importing():
        from cnnlab.app import train as command
        from cnnlab.app.arguments import read_arguments, refuse_together

        discover(imports or [])
    arguments = read_arguments(context.args)
    words, multirun = arguments.overrides, arguments.multirun
    refuse_together(
        {
            "--plan": plan,
            "--verbose": verbose and not arguments.wants_help,
            arguments.question: bool(arguments.question),
        }
    )
    if arguments.wants_help:
        from cnnlab.app.help import print_train_help

        print_train_help(words)
    elif arguments.questions:
        command.show(words, arguments.questions, multirun=multirun)
    elif plan:
        command.plan(words, multirun=multirun)
    else:
        try:
            runs = command.train(words, multirun=multirun, verbose=verbose)
        except KeyboardInterrupt as stop:  # of which typer would say nothing
            print("\ncnnlab: interrupted; the same command continues from here", file=sys.stderr)
            raise typer.Exit(130) from stop
        from cnnlab.app.outcome import print_outcome

        if not print_outcome(runs):
            raise typer.Exit(1)


@app.command("test")
def evaluate_runs(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold them.")],
    imports: Imports = None,
) -> None:
    """Evaluate finished runs on the test set.

    Each run is evaluated with its checkpoint of the best validation.
    """
    from cnnlab.discovery import discover
    from cnnlab.inference.evaluate import evaluate_all

    discover(imports or [])
    if not evaluate_all(runs):
        raise typer.Exit(1)


COMMANDS: dict[str, Callable[..., None]] = {  # in the order of `cnnlab --help`
    "bench": bench,
    "compare": compare,
    "report": report,
    "ensemble": ensemble,
    "look": look,
    "mistakes": mistakes,
    "embed": embed,
    "shift": shift,
    "predict": predict,
    "export": export,
    "pack": pack,
    "show": show,
    "lr-find": lr_find,
    "schedule": schedule,
    "runs": list_runs,
    "tensorboard": tensorboard,
    "models": models,
    "layers": layers,
    "data": data_sets,
    "components": components,
    "kernels": kernels,
    "convolve": convolve,
    "completion": completion,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
