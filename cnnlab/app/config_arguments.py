"""What the commands take that look at a config before it is trained: show, lr-find and schedule."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cnnlab.config.options import RunConfig

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Options as for cnnlab train."),
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="PATH", help="PNG file or folder [default: this folder]."),
]
Show = Annotated[bool, typer.Option("--show", help="Open the picture.")]


def read_config(words: list[str] | None, imports: list[str] | None) -> "RunConfig":
    """The config of one run, checked as ``cnnlab train`` does.

    Raises:
        CnnlabError: the words are refused.
    """
    from cnnlab.app.arguments import refuse_repeated
    from cnnlab.app.compose import compose
    from cnnlab.discovery import discover

    discover(imports or [])
    refuse_repeated(words or [])
    return compose(words or [])
