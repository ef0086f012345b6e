"""Repeated measurements of one quantity, and the numbers that are shown of them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The values of repeated measurements: what is reported is their median, least and largest."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """Not the mean: one disturbed measurement must not move it."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def map(self, function: Callable[[float], float]) -> "Spread":
        """The same measurements in another unit."""
        return Spread([function(value) for value in self.values])

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what is shown, and every value."""
        shown = {"median": self.median, "min": self.low, "max": self.high}
        return {**shown, "n": len(self.values), "values": list(self.values)}
