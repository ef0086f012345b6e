"""What it takes to build another library's network as one of this package's."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from cnnlab.registry import nearest
from cnnlab.spec import ImageSpec


def borrow(
    arch: str, known: Sequence[str], spec: ImageSpec, build: Callable[[], nn.Module]
) -> nn.Module:
    """The network that ``build`` makes, on whatever device is torch's default.

    Raises:
        ValueError: ``arch`` is none of the ``known``, or refuses the images of ``spec``.
    """
    if arch not in known:
        raise ValueError(f"there is no arch '{arch}'{nearest(arch, known)}")
    try:
        try:
            return build()
        except NotImplementedError:  # some read their widths from tensors, and meta ones hold none
            with torch.device("cpu"):
                network = build()
            return network.to(torch.get_default_device())
    except (AssertionError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"arch={arch} cannot take images of {spec}: {reason}") from error
