"""The commands that list and show: runs, models, layers, data, tensorboard, completion.

Nothing heavy is imported up here, as in ``cli.py``, which registers them.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

Imports = Annotated[
    list[str] | None,
    typer.Option("--import", metavar="MODULE", help="Python module to import first."),
]


def discover_named(imports: list[str] | None) -> None:
    """Import the modules that the user named, for their metrics; run folders need no others."""
    from cnnlab.discovery import discover, named_imports

    if named_imports(imports or []):
        discover(imports or [])


def check_folder(flag: str, folder: str | None) -> Path | None:
    """The folder that a flag names, which is there or can be made.

    Raises:
        CnnlabError: it names none, or a file.
    """
    if folder is None:
        return None
    from cnnlab.registry import CnnlabError

    path = Path(os.path.expanduser(folder))
    if folder.startswith("~") and str(path).startswith("~"):
        raise CnnlabError(f"{flag} {folder}: no such home folder")
    for place in (path, *path.parents):
        if os.path.exists(place) and not os.path.isdir(place):
            raise CnnlabError(f"{flag} {folder}: {place} is a file, not a folder")
    if not folder:
        raise CnnlabError(f"{flag} needs a value")
    return path


def models(
    data: Annotated[
        str | None, typer.Option(help="Count parameters and MACs for this data set.")
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="All architectures and variants, as markdown.")
    ] = False,
    imports: Imports = None,
) -> None:
    """List the models: paper, options and defaults."""
    from cnnlab.app import listing
    from cnnlab.app.arguments import refuse_together
    from cnnlab.discovery import discover

    refuse_together({"--data": data, "--table": table})
    discover(imports or [])
    if table:
        from cnnlab.app.architecture_table import architectures, as_markdown

        print(as_markdown(list(architectures())))
    else:
        listing.print_models(data)


def layers(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Options (model=... data=...), or layers together with --input."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--input", metavar="HxWxC", help="Image size, for layers given as lines."),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Fold modules below this depth.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown")] = False,
    csv: Annotated[bool, typer.Option("--csv")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
    imports: Imports = None,
) -> None:
    """Show every layer of a model with its arithmetic.

    Of a model: cnnlab layers model=alexnet data=cifar10

    Without a model: cnnlab layers 'conv 64 4 stride=2 padding=1' --input 28x28x1
    """
    from cnnlab.app.arguments import refuse_repeated
    from cnnlab.app.layers import print_layers
    from cnnlab.discovery import discover

    discover(imports or [])
    if image is None:
        refuse_repeated(words or [])
    formats = {"markdown": markdown, "csv": csv, "json": json}
    print_layers(words or [], image, depth, [name for name, wanted in formats.items() if wanted])


def data_sets(imports: Imports = None) -> None:
    """List the data sets: size, licence, options and defaults."""
    from cnnlab.app import listing
    from cnnlab.discovery import discover

    discover(imports or [])
    listing.print_data()


def components(
    kind: Annotated[
        str | None,
        typer.Argument(help="loss, metrics, augment, callbacks, optim, schedule, logger or task."),
    ] = None,
    imports: Imports = None,
) -> None:
    """List losses, metrics, callbacks and other components.

    Each with its options; models and data sets have commands of their own.
    """
    from cnnlab.app import listing
    from cnnlab.discovery import discover

    discover(imports or [])
    listing.print_components(kind)


def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder with runs.")] = Path("runs"),
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
    watch: Annotated[bool, typer.Option("--watch", help="Update the table until Ctrl-C.")] = False,
    why: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Show the error, traceback and end of the log of one run."
        ),
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Delete failed runs, after confirmation.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    imports: Imports = None,
) -> None:
    """List runs: status, progress, validation accuracy, time.

    cnnlab runs --where model=resnet20 --status failed --sort val_acc
    """
    from cnnlab.app.arguments import refuse_together
    from cnnlab.registry import CnnlabError

    refuse_together({"--watch": watch, "--why": why, "--clean": clean})
    if yes and not clean:
        raise CnnlabError("--yes needs --clean")
    if why is not None and (where or status or sort):
        raise CnnlabError(
            "--why shows one run; it cannot be combined with --where, --status or --sort"
        )
    if clean and sort:
        raise CnnlabError("--clean shows no table; it cannot be combined with --sort")
    discover_named(imports)
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


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument()]) -> None:
    """Print the completion script of a shell.

    In bash: eval "$(cnnlab completion bash)"
    """
    from cnnlab.app.completion import script

    print(script(shell))


def tensorboard(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders, or folders that hold them [runs].")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="[default: 6006 or the next free one; 0: any]"),
    ] = None,
) -> None:
    """Start TensorBoard on 127.0.0.1, with readable run names. Ctrl-C stops it."""
    from cnnlab.app.tensorboard import serve

    serve(runs or [Path("runs")], port=port)
