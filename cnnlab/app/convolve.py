"""``cnnlab convolve``: a window that slides over a matrix, as table, strip and animation.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.app.kernels import Out, PaddingText, Show, Stride

if TYPE_CHECKING:
    from cnnlab.explain.convolution.sliding import Sliding

MOST = 16  # rows or columns of the input: more cannot be read on a slide
MOST_PADDED = 24  # the same with its border
EXAMPLE = "cnnlab convolve --input '[[1,1,0],[0,1,1],[0,0,1]]' --kernel '[[1,0],[0,1]]'"
FOR_POOLING = "--stride and --padding are of a kernel; the stride of --pool is its size"


def convolve(
    matrix: Annotated[
        str | None,
        typer.Option("--input", metavar="ROWS", help="Rows of numbers: '[[1,1,0],[0,1,1]]'."),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(metavar="ROWS|NAME", help="Rows of numbers, or sobel_x, blur and so on."),
    ] = None,
    stride: Stride = 1,
    padding: PaddingText = "valid",
    pool: Annotated[
        tuple[str, int] | None,
        typer.Option(metavar="max|avg|min SIZE", help="Pool instead of a kernel."),
    ] = None,
    out: Out = None,
    show: Show = False,
) -> None:
    """Slide a kernel over a matrix, step by step.

    cnnlab convolve --input '[[1,1,0],[0,1,1],[0,0,1]]' --kernel '[[1,0],[0,1]]'

    Prints each window, its products and their sum; writes all steps side by side (PNG) and as an
    animation (GIF). As in deep learning, the kernel is not flipped: it is a cross-correlation.
    """
    from cnnlab.app.written_picture import output_file, write_picture

    still = output_file(_as_png(out), Path("convolve.png"), ".png")
    moving = still.with_suffix(".gif")
    sliding = _slide(matrix, kernel, stride, padding, pool)
    from cnnlab.explain.convolution.animation import shown_steps
    from cnnlab.explain.convolution.step_table import print_steps
    from cnnlab.explain.convolution.strip import MOST_STEPS, strip_figure
    from cnnlab.terminal import console

    print_steps(sliding, console())
    write_picture(strip_figure(sliding), still, show=show)
    print(still)
    _write_gif(sliding, moving, show=show)
    print(moving)
    if len(sliding) > MOST_STEPS:
        frames = len(shown_steps(sliding))
        shown = f"the strip shows {MOST_STEPS}, the animation {frames} of {len(sliding)} steps"
        print(f"cnnlab: {shown}", file=sys.stderr)


def _write_gif(sliding: "Sliding", path: Path, *, show: bool) -> None:
    """Write the animation, and open it if that is wanted.

    Raises:
        CnnlabError: it cannot be written there.
    """
    import webbrowser

    from cnnlab.explain.convolution.animation import frames, write_gif
    from cnnlab.registry import CnnlabError
    from cnnlab.runs.durable import replacing
    from cnnlab.runs.read_file import reason

    pictures = frames(sliding)
    try:
        with replacing(path) as file:
            write_gif(pictures, file)
    except OSError as error:
        raise CnnlabError(f"{path}: {reason(error)}; use another place with --out PATH") from error
    if show:
        webbrowser.open(path.absolute().as_uri())


def _as_png(out: str | None) -> str | None:
    """``--out`` may name either of the two files."""
    return str(Path(out).with_suffix(".png")) if out and out.lower().endswith(".gif") else out


def _slide(
    matrix: str | None, kernel: str | None, stride: int, padding: str, pool: tuple[str, int] | None
) -> "Sliding":
    """The sliding window as requested.

    Raises:
        CnnlabError: something is missing, is no matrix, does not fit or is too large for a slide.
    """
    from cnnlab.app.arguments import refuse_together
    from cnnlab.explain.convolution.kernels import find_kernel
    from cnnlab.explain.convolution.matrix import parse_matrix
    from cnnlab.explain.convolution.placement import parse_padding
    from cnnlab.explain.convolution.sliding import cross_correlate, pool_kind, slide_pool
    from cnnlab.registry import CnnlabError

    refuse_together({"--kernel": kernel, "--pool": pool})
    if matrix is None or (kernel is None and pool is None):
        lacking = "--input" if matrix is None else "--kernel (or --pool max 2)"
        raise CnnlabError(f"{lacking} is missing: {EXAMPLE}")
    image = parse_matrix(matrix, "--input", most=MOST)
    if pool is not None:
        if stride != 1 or padding != "valid":
            raise CnnlabError(FOR_POOLING)
        return slide_pool(image, pool_kind(pool[0]), pool[1])
    weights = find_kernel(str(kernel)).weights
    sliding = cross_correlate(image, weights, stride=stride, padding=parse_padding(padding))
    rows, columns = sliding.padded.shape
    if max(rows, columns) > MOST_PADDED:
        raise CnnlabError(
            f"--padding {padding}: the padded input would be {rows}x{columns}; at most "
            f"{MOST_PADDED}x{MOST_PADDED} can be drawn"
        )
    return sliding
