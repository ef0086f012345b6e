"""The commands that list and show: models, layers, data, tensorboard, completion.

Nothing heavy is imported up here, as in ``cli.py``, which registers them.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

Imports = Annotated[
    list[str] | None, typer.Option("--import", metavar="MODULE", help="A module to import first.")
]


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
    from cnnlab.discovery import discover

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
        typer.Option("--input", metavar="HxWxC", help="The layers are lines of a conv_stack."),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Fold deeper parts.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown")] = False,
    csv: Annotated[bool, typer.Option("--csv")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
    imports: Imports = None,
) -> None:
    """Show every layer with its arithmetic: cnnlab layers model=alexnet data=cifar10

    Without a model: cnnlab layers 'conv 64 4 stride=2 padding=1' --input 28x28x1
    """
    from cnnlab.app.layers import print_layers
    from cnnlab.discovery import discover

    discover(imports or [])
    formats = {"markdown": markdown, "csv": csv, "json": json}
    print_layers(words or [], image, depth, [name for name, wanted in formats.items() if wanted])


def data_sets(imports: Imports = None) -> None:
    """List the data sets: size, licence, options and defaults."""
    from cnnlab.app import listing
    from cnnlab.discovery import discover

    discover(imports or [])
    listing.print_data()


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument()]) -> None:
    """Print the completion script of a shell: eval "$(cnnlab completion bash)"."""
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
    """Start TensorBoard on 127.0.0.1, with readable names of runs. Ctrl-C ends it."""
    from cnnlab.app.tensorboard import serve

    serve(runs or [Path("runs")], port=port)
