"""A network of impossible size is refused while it is built, by a number and not by the kernel."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from cnnlab.registry import CnnlabError
from cnnlab.text import first_line

MAX_MODULES = 10_000  # ResNet-1202 has about 5,000
# How torch says that a size is more than 64 bits hold.
TOO_LARGE = re.compile("overflow|too large|too big|unpack", re.IGNORECASE)


@contextmanager
def refuse_impossible_size(model: str) -> Iterator[None]:
    """Build or call a network in this block, on the meta device, which allocates no memory.

    Raises:
        CnnlabError: it has too many layers, or a size beyond 64 bits.
    """
    number = 0

    def count(_module: nn.Module, _name: str, _child: nn.Module) -> None:
        nonlocal number
        number += 1
        if number > MAX_MODULES:
            raise CnnlabError(f"model={model} would have more than {MAX_MODULES:,} layers")

    hook = register_module_module_registration_hook(count)
    try:
        yield
    except (RuntimeError, TypeError, OverflowError) as error:
        if not TOO_LARGE.search(str(error)):
            raise
        reason = first_line(error)
        raise CnnlabError(f"model={model} would be too large for any machine: {reason}") from error
    finally:
        hook.remove()
