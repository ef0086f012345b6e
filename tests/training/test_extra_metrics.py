"""Top-k, macro-F1 and accuracies of classes, against scikit-learn, and as columns of a run."""

import pytest
import torch
from sklearn.metrics import f1_score, recall_score, top_k_accuracy_score
from small_run import SPEC, SPLITS

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.metrics import METRICS, find_metric, metric_of, show_scores, split_of
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

ALL = {"top_k": {"k": 2}, "macro_f1": {}, "per_class": {}, "top5": {}}


@pytest.mark.parametrize("batch_size", [7, 50])
def test_they_are_scikit_learns_in_any_batches(batch_size: int) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(50, 8, generator=generator)
    labels = torch.randint(6, (50,), generator=generator)  # no image of class 6 or 7
    logits[:, 7] = -9  # and no answer of class 7
    spec = ImageSpec(1, 8, 8, 8, class_names=tuple("abcdefgh"))
    metrics = ExtraMetrics.of(ALL, spec)
    for _ in range(2):  # what was measured before does not count
        metrics.reset()
        for first in range(0, 50, batch_size):
            part = slice(first, first + batch_size)
            metrics.update(logits[part].bfloat16().float(), labels[part])
    found = metrics.columns("val")
    scores, predicted = logits.bfloat16().float().numpy(), logits.bfloat16().argmax(1)
    for k in (2, 5):
        expected = top_k_accuracy_score(labels, scores, k=k, labels=range(8))
        assert found.pop(f"val_top{k}") == pytest.approx(expected)
    assert found.pop("val_macro_f1") == pytest.approx(f1_score(labels, predicted, average="macro"))
    recalls = recall_score(labels, predicted, average=None, labels=range(6))
    classes = [found.pop(f"val_acc_{name}") for name in "abcdef"]
    assert classes == pytest.approx(list(recalls))
    assert found.keys() == {"val_acc_g", "val_acc_h"}
    assert all(value != value for value in found.values())  # NaN: no images


def test_more_than_there_are_classes_is_refused() -> None:
    with pytest.raises(
        CnnlabError, match="metrics=top5: top-5 accuracy needs more than 5 classes, not 4"
    ):
        ExtraMetrics.of({"top5": {}}, SPEC)


def test_columns_of_a_run(run) -> None:
    made = run(epochs=2, metrics={"top_k": {"k": 2}, "macro_f1": {}}).fit()
    row = made.rows()[1]
    assert list(row)[2:8] == [
        *("train_loss", "train_acc", "val_loss", "val_acc", "val_top2", "val_macro_f1")
    ]
    made.trainer.test(made.module, made.data, verbose=False)
    logits, labels = made.module.test_outputs, SPLITS.test.labels
    expected = f1_score(labels, logits.argmax(1), average="macro")
    assert made.module.test_metrics["test_macro_f1"] == pytest.approx(expected)
    expected = top_k_accuracy_score(labels, logits, k=2)
    assert made.module.test_metrics["test_top2"] == pytest.approx(expected)
    assert made.rows() == run("chunks", epochs=2, metrics=made.metrics, chunk_steps=3).fit().rows()


def test_top_k_has_a_row_in_the_table_of_metrics() -> None:
    metric = find_metric("val_top5")
    assert metric is not None
    assert (metric.column, metric.higher_is_better) == ("top5", True)
    assert split_of("val_top5") == "val"
    assert find_metric("val_top") is None
    result = {"metric": "val_acc", "test_acc": 0.5, "test_top5": 0.987, "test_loss": 1.0}
    assert metric_of(result) is METRICS["accuracy"]
    assert show_scores(result, "test") == "accuracy 50.00%, top-5 accuracy 98.70%, loss 1.0000"
