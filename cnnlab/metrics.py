"""What runs are ranked by: accuracy where there are classes, the error per pixel elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A quantity that a run is chosen by on validation images and judged by on test images."""

    column: str  # of result.json and metrics.csv, behind val_ and test_
    name: str
    heading: str  # of a table's column, behind test and val
    points: str  # before what a difference is a difference of
    axis: str  # what an axis of a picture is called
    caption: str  # what a table says of its numbers
    scale: int  # from files to what is shown
    decimals: int
    margin: float  # above and below the points of a picture, at least, as shown
    higher_is_better: bool

    def show(self, value: float) -> str:
        """A value as a table has it: 0.9234 -> ``92.34``."""
        return f"{self.scale * value:.{self.decimals}f}"


ACCURACY = Metric(
    column="acc",
    name="accuracy",
    heading="acc %",
    points="points of ",
    axis="accuracy (%)",
    caption="Accuracies in percent",
    scale=100,
    decimals=2,
    margin=0.5,
    higher_is_better=True,
)
ERROR = Metric(
    column="loss",
    name="error",
    heading="error",
    points="of ",
    axis="mean squared error per pixel",
    caption="Mean squared errors per pixel, pixels in 0..1",
    scale=1,
    decimals=5,
    margin=0.0005,
    higher_is_better=False,
)


def metric_of(result: Mapping[str, Any]) -> Metric:
    """The measure of a run, by its row of results."""
    return ACCURACY if "val_acc" in result else ERROR
