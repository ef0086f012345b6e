"""The kernels of every textbook, each with what it is for and where it comes from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.explain.convolution.matrix import number, parse_matrix
from cnnlab.registry import CnnlabError, nearest

MOST = 15  # rows or columns of a kernel that is typed
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Kernel:
    """Whole numbers over a common divisor, which is how textbooks print a kernel.

    Attributes:
        purpose: one sentence, without its full stop.
    """

    name: str
    rows: Rows
    divisor: int = 1
    purpose: str = ""
    reference: str = ""

    @property
    def weights(self) -> Tensor:
        """float64 (H, W)"""
        return torch.tensor(self.rows, dtype=torch.float64) / self.divisor

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return len(self.rows), len(self.rows[0])

    @property
    def keeps_brightness(self) -> bool:
        """Whether the weights add up to 1, so that an even area stays as bright as it was."""
        return abs(float(self.weights.sum()) - 1) < 1e-6

    @property
    def texts(self) -> list[list[str]]:
        """The whole numbers, as drawn."""
        return [[number(value) for value in row] for row in self.rows]


_SOBEL = "Sobel & Feldman 1968, Stanford Artificial Intelligence Project"
_MARR = "Marr & Hildreth 1980, Proc. R. Soc. B 207"
_BINOMIAL = "Burt & Adelson 1983, IEEE Trans. Commun. 31(4)"
_GONZALEZ = "Gonzalez & Woods, Digital Image Processing, ch. 3"

_TABLE = (
    Kernel(
        "edge",
        ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
        purpose="Compares a pixel with all eight neighbours: edges in every direction, flat is 0",
        reference=_GONZALEZ,
    ),
    Kernel(
        "sobel_x",
        ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
        purpose="Brighter on the right than on the left: vertical edges, signed",
        reference=_SOBEL,
    ),
    Kernel(
        "sobel_y",
        ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
        purpose="Brighter below than above: horizontal edges, signed",
        reference=_SOBEL,
    ),
    Kernel(
        "laplacian",
        ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
        purpose="The second derivative: it changes its sign at an edge",
        reference=_MARR,
    ),
    Kernel(
        "sharpen",
        ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        purpose="The picture minus its Laplacian: edges are steeper, flat areas stay",
        reference=_GONZALEZ,
    ),
    Kernel(
        "blur",
        ((1,) * 5,) * 5,
        divisor=25,
        purpose="The mean of a 5x5 neighbourhood: detail and noise vanish",
        reference=_GONZALEZ,
    ),
    Kernel(
        "gaussian",
        tuple(tuple(a * b for b in (1, 4, 6, 4, 1)) for a in (1, 4, 6, 4, 1)),
        divisor=256,
        purpose="A mean that weighs near pixels more (binomial weights): a softer blur",
        reference=_BINOMIAL,
    ),
    Kernel(
        "emboss",
        ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
        purpose="Adds the slope along the diagonal: a relief lit from one corner",
        reference=_GONZALEZ,
    ),
)
KERNELS = {kernel.name: kernel for kernel in _TABLE}


def find_kernel(text: str, name: str = "--kernel") -> Kernel:
    """A named kernel, or the one typed as rows of numbers.

    Args:
        name: of the option; messages start with it.

    Raises:
        CnnlabError: there is no such kernel, or the rows are no matrix.
    """
    if text in KERNELS:
        return KERNELS[text]
    if not text.lstrip().startswith("["):
        hint = nearest(text, KERNELS)
        raise CnnlabError(f"{name} '{text}' is neither rows of numbers nor a known kernel{hint}")
    matrix = parse_matrix(text, name, most=MOST)
    return Kernel("own kernel", tuple(map(tuple, matrix.tolist())))
