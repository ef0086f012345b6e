"""What a search can ask for: columns of result.json, which way is better, how each is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cnnlab.text import duration, si


@dataclass(frozen=True)
class Objective:
    """One column of result.json."""

    column: str
    direction: Literal["maximize", "minimize"]
    name: str
    unit: str
    show: Callable[[float], str]
    scale: float = 1.0  # from the file's numbers to the axis
    log: bool = False  # drawn on a logarithmic axis

    @property
    def axis(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.title}{unit}"

    @property
    def title(self) -> str:
        return f"{self.name[0].upper()}{self.name[1:]}"

    def __str__(self) -> str:
        return f"{self.name} {'up' if self.direction == 'maximize' else 'down'}"


_ALL = (
    Objective("val_acc", "maximize", "validation accuracy", "%", "{:.2%}".format, scale=100),
    Objective("val_loss", "minimize", "validation loss", "", "{:.4f}".format),
    Objective("macs", "minimize", "MACs for one image", "", si, log=True),
    Objective("params", "minimize", "parameters", "", si, log=True),
    Objective("train_seconds", "minimize", "training time", "s", duration, log=True),
)
OBJECTIVES = {objective.column: objective for objective in _ALL}
