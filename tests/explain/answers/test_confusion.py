"""Counts of who is taken for whom, and macro F1, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from cnnlab.explain.answers.confusion import confusion_counts, macro_f1


def test_a_table_by_hand():
    counts = confusion_counts([0, 0, 1, 2], [0, 1, 1, 0], 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert macro_f1([0, 0, 1, 2], [0, 1, 1, 0]) == pytest.approx((2 / 4 + 2 / 3 + 0) / 3)


def test_equal_to_scikit_learn_to_the_last_bit():
    random = np.random.default_rng(0)
    for _ in range(20):
        labels, others = random.integers(2, 9, (2, 50))  # classes 0, 1 and maybe 8 do not occur
        predictions = np.where(random.random(50) < 0.6, labels, others)
        expected = f1_score(labels, predictions, average="macro", zero_division=0)
        assert macro_f1(labels, predictions) == expected
        counts = confusion_matrix(labels, predictions, labels=range(12))
        assert np.array_equal(confusion_counts(labels, predictions, 12), counts)
