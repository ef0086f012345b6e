"""``init``: the trained weights that a run starts from.

How they come into the network, and which parameters are frozen: training/transfer.py. A run that
is continued (``resume``) has its own weights and no use for these.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cnnlab.registry import Flags


@dataclass(frozen=True)
class InitConfig:
    """The trained weights that a run starts from, and which of them are frozen.

    Args:
        from_: the folder of a finished run, whose best epoch is loaded, or a .safetensors or .pth
            file.
        freeze: a glob that matches the names of parameters and buffers to freeze: features.*
        head: new re-initialises the last layer, for another number of classes.
    """

    from_: Annotated[str | None, Flags(name="from-{source}", quote="each")] = None
    freeze: Annotated[str | None, Flags(quote="each")] = None
    head: Literal["keep", "new"] = "keep"

    def __post_init__(self) -> None:
        if self.from_ is None and (self.freeze is not None or self.head == "new"):
            option = "head=new" if self.freeze is None else f"freeze={self.freeze}"
            raise ValueError(f"{option} needs weights to start from: init.from=RUN or FILE")
