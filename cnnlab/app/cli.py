"""The ``cnnlab`` command. Each subcommand is a few lines that call one function elsewhere.

Nothing heavy is imported up here: ``cnnlab --help`` must answer at once.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from cnnlab.app.cli_listing import Imports, completion, data_sets, layers, models, tensorboard
from cnnlab.registry import CnnlabError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help needs no import of rich
    help="A laboratory for convolutional networks: train, sweep, compare, look inside.",
)
HYDRA = {"ignore_unknown_options": True, "allow_extra_args": True}


def main() -> None:
    """Entry point. Exit code 2 for the user's mistakes, 1 for failures."""
    try:
        app()
    except CnnlabError as error:
        if os.environ.get("CNNLAB_DEBUG") == "1":
            raise
        print(f"cnnlab: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ncnnlab: interrupted; the same command continues from here", file=sys.stderr)
        sys.exit(130)


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


def _discover_named(imports: list[str] | None) -> None:
    """Load a person's own metrics, if any are named; run folders can be read without the others."""
    from cnnlab.discovery import discover, named_imports

    if named_imports(imports or []):
        discover(imports or [])


def _refuse_together(flags: Mapping[str, object]) -> None:
    """Refuse flags of which one would be ignored."""
    named = [flag for flag, value in flags.items() if value]
    if len(named) > 1:
        raise CnnlabError(f"{' and '.join(named)}: one of them at a time")


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
    """Train one run, or with -m a sweep: cnnlab train -m model=mlp,lenet5 seed=0,1,2

    Takes Hydra's overrides and flags; cnnlab train --help shows every option. With --plan it only
    prints what it would do, and about how long that would take.
    """
    from cnnlab.app import train as command
    from cnnlab.app.arguments import read_arguments
    from cnnlab.discovery import discover

    discover(imports or [])
    arguments = read_arguments(context.args)
    words, multirun = arguments.overrides, arguments.multirun
    _refuse_together(
        {
            "--plan": plan,
            "--verbose": verbose and not arguments.wants_help,
            arguments.question: bool(arguments.question),
        }
    )
    if arguments.wants_help:
        from cnnlab.app.help import print_train_help

        print_train_help()
    elif arguments.questions:
        command.show(words, arguments.questions, multirun=multirun)
    elif plan:
        command.plan(words, multirun=multirun)
    else:
        runs = command.train(words, multirun=multirun, verbose=verbose)
        from cnnlab.app.outcome import print_outcome

        if not print_outcome(runs):
            raise typer.Exit(1)


@app.command("test")
def evaluate_run(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")], imports: Imports = None
) -> None:
    """Evaluate a run on the test set, with its best-validation checkpoint."""
    from cnnlab.discovery import discover
    from cnnlab.inference.evaluate import evaluate, print_evaluation

    discover(imports or [])
    print_evaluation(evaluate(run))


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold them.")],
    out: Annotated[
        Path | None, typer.Option(help="Where tables and pictures go [default: beside the runs].")
    ] = None,
    imports: Imports = None,
) -> None:
    """Compare runs: a table, results.csv, results.md, curves.png and cost.png."""
    _discover_named(imports)
    from rich.console import Console

    from cnnlab.compare.compare import compare as compare_runs
    from cnnlab.compare.report import print_report, report_folder, write_report

    comparison = compare_runs(runs)
    print_report(comparison, Console())
    folder = out or report_folder(runs)
    write_report(comparison, folder)
    print(folder)


@app.command("runs")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="A folder that holds runs.")] = Path("runs"),
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="model=resnet20, seed=0,1, optim.lr!=0.1; repeatable."
        ),
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="running, done, failed, interrupted, killed ...")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="name, status, progress, val_acc, val_loss, time or age.")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow, until Ctrl-C.")] = False,
    why: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Error, traceback and end of the log of one run."),
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove failed runs, after asking.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    imports: Imports = None,
) -> None:
    """List runs: status, progress, validation accuracy, time.

    cnnlab runs --where model=resnet20 --status failed --sort val_acc
    """
    _refuse_together({"--watch": watch, "--why": why, "--clean": clean})
    if yes and not clean:
        raise CnnlabError("--yes is for --clean")
    if why is not None and (where or status or sort):
        raise CnnlabError("--why shows one run, whatever --where, --status and --sort say")
    if clean and sort:
        raise CnnlabError("--sort: --clean shows no table")
    _discover_named(imports)
    from cnnlab.runs import status_table
    from cnnlab.runs.clean import clean as remove_failed
    from cnnlab.runs.diagnose import explain, find_run
    from cnnlab.runs.filter import select
    from cnnlab.runs.status import RunStatus, ordered, read_runs

    def read() -> list[RunStatus]:
        runs = select(read_runs(folder), where or [], status or [])
        if watch and not sort:
            return status_table.latest(runs)
        return ordered(runs, sort or "name")

    if why is not None:
        print(explain(find_run(why, folder)))
    elif clean:
        remove_failed(read(), confirmed=yes)
    elif watch:
        status_table.watch(read)
    else:
        status_table.print_runs(read())


@app.command()
def bench(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="What to train, as for cnnlab train: model=mlp data=mnist data.root=DIR. "
            "No MNIST at hand: data=synthetic data.size=28 data.num_train=55000.",
        ),
    ] = None,
    against: Annotated[
        Literal["standard", "bare"],
        typer.Option(help="torchvision, PIL, DataLoader and Lightning; or a loop in plain torch."),
    ] = "standard",
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs in each measurement.")] = 1,
    imports: Imports = None,
) -> None:
    """Time a training epoch against the standard way, or against a bare loop over tensors.

    By default of an MLP with batch norm (standard) or of lenet5 (bare), on MNIST.
    """
    from cnnlab.app.bench import choose
    from cnnlab.bench.bench import bench as measure
    from cnnlab.discovery import discover

    discover(imports or [])
    measure(against, choose(against, words or [], epochs), rounds=rounds)


app.command()(tensorboard)
app.command()(models)
app.command()(layers)
app.command("data")(data_sets)
app.command()(completion)


@app.command(hidden=True, context_settings=HYDRA)
def complete(context: typer.Context) -> None:
    """Candidates for the last of the given words, one a line; what the scripts call."""
    from cnnlab.app.completion import candidates

    commands = [
        c.name or c.callback.__name__
        for c in app.registered_commands
        if not c.hidden and c.callback
    ]
    print("\n".join(candidates(context.args, commands)))
