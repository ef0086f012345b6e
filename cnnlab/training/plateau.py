"""The one schedule that depends on metrics: the learning rate falls when they stop improving."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cnnlab.metrics import metric_of_column
from cnnlab.registry import SCHEDULES, Range
from cnnlab.training.schedule import Factor, Schedule


@SCHEDULES.register("plateau")
class Plateau(Schedule):
    """Multiplies the learning rate by ``gamma`` once a metric has stopped improving.

    It is judged at validations; the epochs between two of them count too.

    Args:
        metric: the validation metric that is watched.
        patience: epochs without an improvement before the learning rate drops.
        gamma: factor of each drop.
        threshold: smallest relative change of the metric that counts as an improvement.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        *,
        metric: Literal["val_loss", "val_acc"] = "val_loss",
        patience: Annotated[int, Range(at_least=0)] = 10,
        gamma: Factor = 0.1,
        threshold: Annotated[float, Range(at_least=0)] = 1e-4,
    ) -> None:
        super().__init__(total_steps, steps_per_epoch)
        self.metric = metric
        self.patience = patience
        self.gamma = gamma
        self.threshold = threshold
        self.best: float | None = None
        self.waited = 0
        self.drops = 0
        self.judged: int | None = None  # the last epoch that was; states of old have none

    def factor(self, _: int) -> float:
        return float(self.gamma**self.drops)

    def epoch_end(self, row: Mapping[str, float]) -> None:
        value, epoch = row[self.metric], int(row["epoch"])
        if self._better(value):
            self.best, self.waited = value, 0
        else:
            self.waited += 1 if self.judged is None else epoch - self.judged
        self.judged = epoch
        if self.waited > self.patience:
            self.waited = 0
            self.drops += 1

    def _better(self, value: float) -> bool:
        if self.best is None:
            return True
        metric = metric_of_column(self.metric)
        margin = self.threshold if metric.higher_is_better else -self.threshold
        return metric.is_better(value, self.best * (1 + margin))

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "waited": self.waited,
            "drops": self.drops,
            "metric": self.metric,
            "judged": self.judged,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore it; a run continued with another schedule or metric starts to wait from zero."""
        if state and state.get("metric", self.metric) == self.metric:
            self.best, self.waited = state["best"], state["waited"]
            self.judged = state.get("judged")
        self.drops = state.get("drops", 0)
