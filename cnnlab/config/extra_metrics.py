"""The metrics that a config names, ``metrics=[top5]``, measured together over an evaluation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnnlab.config.schema import build
from cnnlab.registry import EXTRA_METRICS
from cnnlab.spec import ImageSpec

if TYPE_CHECKING:
    from torch import Tensor


class ExtraMetrics:
    """Metrics by name; every evaluation begins with ``reset``."""

    def __init__(self, metrics: Mapping[str, Any] | None = None) -> None:
        self._metrics = metrics or {}
        for metric in self._metrics.values():
            if hasattr(metric, "sync_on_compute"):  # every process evaluates all images
                metric.sync_on_compute = False

    @classmethod
    def of(cls, chosen: Mapping[str, Mapping[str, Any]], spec: ImageSpec) -> "ExtraMetrics":
        """The metrics of a config, from the options of each by its name.

        Raises:
            CnnlabError: one of them refuses its options or the data set.
        """
        return cls(
            {
                name: build(EXTRA_METRICS, {**options, "name": name}, spec)
                for name, options in chosen.items()
            }
        )

    def reset(self) -> None:
        """Begin to measure."""
        for metric in self._metrics.values():
            metric.reset()

    def update(self, outputs: "Tensor", labels: "Tensor") -> None:
        """Add a batch's outputs (N, ...) and labels (N,)."""
        for metric in self._metrics.values():
            if hasattr(metric, "to"):  # torchmetrics' own stay where they are made
                metric.to(labels.device)
            metric.update(outputs.float(), labels)

    def columns(self, split: str) -> dict[str, float]:
        """``{"val_top5": 0.98}``: the means since ``reset``.

        Raises:
            ValueError, TypeError, RuntimeError: something else than numbers was computed.
        """
        found: dict[str, float] = {}
        for name, metric in self._metrics.items():
            value = metric.compute()
            values = value if isinstance(value, Mapping) else {name: value}
            found |= {f"{split}_{key}": float(number) for key, number in values.items()}
        return found
