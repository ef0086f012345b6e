"""What a configuration takes each class for: confusion matrices averaged over its seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cnnlab.compare.comparison import Configuration
from cnnlab.compare.finished import FinishedRun

Matrix = NDArray[np.float64]


def confusion(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Matrix:
    """Of each true class the fraction taken for each class.  (N, K), (N,) -> (K, K)

    The row of a class without images is NaN.
    """
    classes = logits.shape[1]
    pairs = labels * classes + logits.argmax(axis=1)
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(float)
    images = counts.sum(axis=1, keepdims=True)
    fractions: Matrix = np.full_like(counts, np.nan)
    np.divide(counts, images, out=fractions, where=images > 0)
    return fractions


def mean_confusion(row: Configuration) -> Matrix | None:
    """Of each true class the fraction taken for each class, the mean over seeds: (K, K).

    Rows are the true classes; that of a class without test images is NaN. None where no run has
    recorded its logits, or their numbers of classes differ.
    """
    found = [matrix for run in row.runs if (matrix := _of_run(run)) is not None]
    if not found or len({len(matrix) for matrix in found}) > 1:
        return None
    stacked = np.stack(found)
    known = ~np.isnan(stacked)
    mean = np.where(known, stacked, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known.any(axis=0), mean, np.nan)


def _of_run(run: FinishedRun) -> Matrix | None:
    outputs = run.outputs()
    if outputs is None:
        return None
    logits, labels = outputs
    fits = labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < logits.shape[1]
    return confusion(logits, labels.astype(np.int64)) if fits else None


def per_class_accuracy(row: Configuration) -> NDArray[np.float64] | None:
    """The fraction of each class's test images that is right, the mean over seeds: (K,)

    NaN for a class without test images; None as for :func:`mean_confusion`.
    """
    matrix = mean_confusion(row)
    return None if matrix is None else matrix.diagonal().copy()


def class_names(row: Configuration) -> list[str]:
    """The names of its K classes as recorded; numbers where none are; empty without logits."""
    named = [run.test_set.record.classes for run in row.runs if run.test_set.record is not None]
    if named and named[0]:
        return list(named[0])
    outputs = next((found for run in row.runs if (found := run.outputs()) is not None), None)
    return [] if outputs is None else [str(number) for number in range(outputs[0].shape[1])]


def per_class_table(rows: Sequence[Configuration]) -> pd.DataFrame:
    """The accuracy of each class (lines) by each configuration (columns, by label), as fractions.

    Only of the rows with the same classes as the first one that has recorded its logits.
    """
    names: list[str] | None = None
    columns = {}
    for row in rows:
        accuracy = per_class_accuracy(row)
        own = class_names(row) if accuracy is not None else []
        if accuracy is None or len(own) != len(accuracy):
            continue
        names = own if names is None else names
        if own == names:
            columns[row.label] = accuracy
    return pd.DataFrame(columns, index=names)
