"""``cnnlab kernels``: a picture and what kernels and pooling make of it.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from cnnlab.explain.convolution.kernels import Kernel
    from cnnlab.explain.convolution.maps import MapPanel

SAMPLE = "china.jpg"  # of scikit-learn
MOST_SIDE = 256  # pixels of the longer side: a kernel of 3x3 can still be seen at work
LARGEST_PADDING = 256

Out = Annotated[
    str | None, typer.Option(metavar="PATH", help="File or folder [default: the current folder].")
]
Show = Annotated[bool, typer.Option("--show", help="Open what was written.")]
Stride = Annotated[int, typer.Option(min=1, max=1000, help="Steps of the window, in pixels.")]
PaddingText = Annotated[
    str,
    typer.Option(
        "--padding",
        metavar="valid|same|N",
        help="Border of zeros: none, for ceil(W / stride) positions, or N on every side.",
    ),
]


def kernels(
    image: Annotated[
        str | None, typer.Argument(help="A picture [default: a sample picture of scikit-learn].")
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|ROWS",
            help="edge, sobel_x, sobel_y, laplacian, sharpen, blur, gaussian, emboss, all, or rows "
            "like '[[1,0,1],[0,1,0],[1,0,1]]' [default: all; with --pool: none].",
        ),
    ] = None,
    stride: Stride = 1,
    padding: PaddingText = "valid",
    pool: Annotated[
        tuple[str, int] | None,
        typer.Option(metavar="max|avg|min SIZE", help="Pool the maps, or without --kernel IMAGE."),
    ] = None,
    grey: Annotated[
        bool, typer.Option("--grey", help="Make a colour picture grey (its luminance) first.")
    ] = False,
    out: Out = None,
    show: Show = False,
) -> None:
    """Show what kernels and pooling make of a picture.

    Activation maps side by side with the picture: cnnlab kernels cat.jpg --kernel sobel_x

    A kernel whose weights add up to 1 (sharpen, blur, gaussian, emboss) filters red, green and blue
    separately. Any other spans all channels, whose responses are added, as in a convolution layer.
    """
    from cnnlab.app.written_picture import output_file, write_picture
    from cnnlab.compare.figures.style import drawable

    file = output_file(out, Path("kernels.png"), ".png")
    picture, name, about = _read(image, grey=grey)
    panels = _panels(picture, _chosen(kernel, pool), stride, padding, pool)
    _print(panels, f"{name}: {about}")
    from cnnlab.explain.convolution.maps_figure import maps_figure

    title = drawable(name)
    write_picture(maps_figure(panels, title, note=f"{title}: {about}"), file, show=show)
    print(file)


def _chosen(text: str | None, pool: tuple[str, int] | None) -> "list[Kernel]":
    from cnnlab.explain.convolution.kernels import KERNELS, find_kernel

    if text is None and pool is not None:
        return []
    return list(KERNELS.values()) if text in (None, "all") else [find_kernel(str(text))]


def _panels(
    picture: "Tensor",
    chosen: "list[Kernel]",
    stride: int,
    padding: str,
    pool: tuple[str, int] | None,
) -> "list[MapPanel]":
    """The picture, then each map; of one map or of the picture alone also what pooling makes of it.

    Raises:
        CnnlabError: a kernel or the pooling does not fit, or the padding is too large.
    """
    from cnnlab.explain.convolution.maps import map_panel, picture_panel, pool_panel
    from cnnlab.explain.convolution.placement import parse_padding
    from cnnlab.explain.convolution.sliding import pool_kind
    from cnnlab.registry import CnnlabError

    border = parse_padding(padding)
    if not isinstance(border, str) and border > LARGEST_PADDING:
        raise CnnlabError(f"--padding {border} is out of range (0 to {LARGEST_PADDING})")
    first = picture_panel(picture)
    panels = [map_panel(picture, kernel, stride=stride, padding=border) for kernel in chosen]
    if pool is None:
        return [first, *panels]
    pooled = [pool_panel(panel, pool_kind(pool[0]), pool[1]) for panel in panels or [first]]
    return [first, *pooled] if len(panels) > 1 else [first, *panels, *pooled]


def _read(path: str | None, *, grey: bool) -> "tuple[Tensor, str, str]":
    """The picture, (1 or 3, H, W) from 0 to 1; its name, and what was done with it.

    Raises:
        CnnlabError: the file is not a picture, or is damaged.
    """
    import numpy as np
    import torch
    from PIL import Image

    if path is None:
        from sklearn.datasets import load_sample_image

        image = Image.fromarray(load_sample_image(SAMPLE))
        name, size, notes = f"{SAMPLE}, a sample of scikit-learn", image.size, tuple[str, ...]()
    else:
        from cnnlab.inference.preprocess.opening import name_of, open_picture

        opened = open_picture(path, (MOST_SIDE, MOST_SIDE))
        image, size, notes = opened.image, opened.size, opened.notes
        name = Path(name_of(path)).name
    image = image.convert("L" if grey or image.mode in ("1", "L") else "RGB")
    shrink = min(1.0, MOST_SIDE / max(image.size))
    width, height = (max(1, round(side * shrink)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BOX)
    pixels = torch.from_numpy(np.array(image)).view(height, width, -1).permute(2, 0, 1) / 255
    if len(pixels) == 3 and torch.equal(pixels[0], pixels[1]) and torch.equal(*pixels[1:]):
        pixels = pixels[:1]
    said = f"{size[1]}x{size[0]} pixels"
    if (width, height) != tuple(size):
        said += f", resized to {height}x{width}"
    return pixels, name, ", ".join([said, *notes])


def _print(panels: "list[MapPanel]", note: str) -> None:
    """The maps in a table: output size, range, and what each kernel is for."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cnnlab.explain.convolution.matrix import number
    from cnnlab.terminal import console

    screen = console()
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("map", overflow="fold")
    table.add_column("H x W x C", no_wrap=True)
    table.add_column("from", justify="right", no_wrap=True)
    table.add_column("to", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for panel in panels:
        ends = (number(float(end)) for end in (panel.pixels.min(), panel.pixels.max()))
        kernel = panel.kernel
        about = Text("" if kernel is None else kernel.purpose)
        if kernel is not None and kernel.reference:
            about.append(f" ({kernel.reference})", style="dim")
        table.add_row(panel.name, panel.size, *ends, about)
    screen.print(table)
    for line in dict.fromkeys(line for panel in panels for line in panel.arithmetic):
        screen.print(Text(line))
    screen.print(Text(note))
