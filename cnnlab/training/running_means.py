"""Means over the images of an epoch, as they grow."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class RunningMeans:
    """Plain numbers, so that a checkpoint can hold an unfinished epoch's.

    Args:
        names: what is summed: ``loss``, and counts such as ``acc``, the right answers.
    """

    names: tuple[str, ...]
    images: int = 0
    sums: list[float] = field(default_factory=list)
    began: float = 0.0  # Position.seconds at the first step; checkpoints hold the name
    train_seconds: float = 0.0  # spent on training steps alone

    def __post_init__(self) -> None:
        self.sums = self.sums or [0.0] * len(self.names)

    def add(self, values: Sequence[float], images: int) -> None:
        """Enter one batch: its mean loss, then its counts."""
        loss, *counts = values
        for place, value in enumerate((loss * images, *counts)):
            self.sums[place] += value
        self.images += images

    def means(self, prefix: str) -> dict[str, float]:
        """Per image: ``{prefix}_loss``, ``{prefix}_acc`` and so on."""
        return {
            f"{prefix}_{name}": total / self.images
            for name, total in zip(self.names, self.sums, strict=True)
        }

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint saves."""
        return {**asdict(self), "names": list(self.names)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "RunningMeans":
        """Those whose ``state_dict()`` this is."""
        return cls(**{**state, "names": tuple(state["names"])})
