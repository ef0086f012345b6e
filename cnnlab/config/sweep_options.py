"""``sweep``: what concerns all runs of one command, and changes none of them."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated

from cnnlab.registry import Flags

LOCATION = Flags(identity=False, name="", column="never", location=True)


@dataclass(frozen=True)
class SweepConfig:
    """The folder for the runs of one command, and how failures are handled.

    Args:
        name: the folder in runs_dir; null: named after the overrides.
        retry: run failed runs again.
        fail_fast: stop at the first run that fails.
    """

    name: Annotated[str | None, dataclasses.replace(LOCATION, quote="whole")] = None
    retry: bool = True
    fail_fast: bool = False

    def __post_init__(self) -> None:
        if self.name is not None and not re.fullmatch(r"[\w.+-]+", self.name):
            raise ValueError(f"name={self.name} may contain only letters, digits and . _ + -")
        if self.name is not None and not self.name.strip("."):
            raise ValueError(f"name={self.name} must name a folder inside runs_dir")
