"""The primary metric of a task that the package does not have."""

import pytest

from cnnlab.metrics import METRICS, Metric


@pytest.fixture
def mean_iou(monkeypatch: pytest.MonkeyPatch) -> Metric:
    """Mean IoU, column ``miou``, as the file of a segmentation task would add it."""
    metric = Metric(
        "mean IoU",
        "miou",
        higher_is_better=True,
        format=".1f",
        scale=100,
        suffix="%",
        unit="%",
        difference_of="points of",
    )
    monkeypatch.setitem(METRICS, metric.name, metric)
    return metric
