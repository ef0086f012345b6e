"""Which classes are taken for which, as counts, and the scores that follow from them.

As scikit-learn has them; importing that takes a second, a fifth of a short run.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def confusion_counts(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int
) -> NDArray[np.int64]:
    """int64 (K, K): images of the row's class that are taken for the column's.

    Args:
        labels, predictions: class indices (N,), each below ``num_classes``.
    """
    pairs = np.asarray(labels, np.int64) * num_classes + np.asarray(predictions, np.int64)
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def macro_f1(labels: ArrayLike, predictions: ArrayLike) -> float:
    """The mean of the classes' own F1 scores, over the classes that occur in either.

    Args:
        labels, predictions: class indices (N,), N at least 1.
    """
    num_classes = int(max(np.max(labels), np.max(predictions))) + 1
    counts = confusion_counts(labels, predictions, num_classes)
    true_or_predicted = counts.sum(0) + counts.sum(1)
    occurs = true_or_predicted > 0
    return float(np.mean(2.0 * counts.diagonal()[occurs] / true_or_predicted[occurs]))


def accuracies(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The fraction of each class's images that is right, NaN of none.  (K, K) -> (K,)"""
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = counts.diagonal() / counts.sum(axis=1)
    return found


def confused_with(counts: NDArray[np.int64]) -> list[int | None]:
    """The class that each class is most often taken for by mistake; None of no mistake."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    return [int(row.argmax()) if row.any() else None for row in wrong]
