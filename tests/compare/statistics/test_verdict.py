import numpy as np

from cnnlab.compare.statistics.pairs import Sample, compare_pairs
from cnnlab.compare.statistics.verdict import verdicts
from cnnlab.metrics import ACCURACY


def said(values, reference=None, tested_on="t"):
    samples = [
        Sample(label, tuple(accuracies), dict(enumerate(accuracies)), tested_on)
        for label, accuracies in values.items()
    ]
    pairs = compare_pairs(samples, higher_is_better=True, reference=reference)
    return verdicts(pairs, list(values), ACCURACY, reference)


GOOD, BAD, NOISY = (0.989, 0.99, 0.991), (0.948, 0.952, 0.95), (0.95, 0.99, 0.96)


def test_two_configurations_have_a_sentence_with_all_numbers():
    """Differences 4.1, 3.8, 4.1 points: mean 4.00, SD 0.173, 4.3027 * 0.1 to either side."""
    assert said({"resnet20": GOOD, "mlp": BAD}) == [
        "resnet20 is better than mlp: +4.00 points of test accuracy [+3.57, +4.43] "
        "(paired t test by seed, n = 3, p = 0.00062)."
    ]


def test_a_difference_within_the_spread_is_not_distinguishable():
    (sentence,) = said({"a": GOOD, "b": NOISY})
    assert sentence.startswith("a is not distinguishable from b: +2.33 points")


def test_three_configurations_are_corrected_for_three_tests():
    sentences = said({"a": GOOD, "b": BAD, "c": NOISY})
    assert len(sentences) == 3
    assert all(sentence.endswith("after Holm).") for sentence in sentences)


def test_many_configurations_are_summarised_with_the_tests_named():
    assert said({"a": GOOD, "b": BAD, "c": NOISY, "d": (0.7, 0.71, 0.702)}) == [
        "a is better than b (+4.00) and d (+28.60).",
        "b is better than d (+24.60).",
        "c is better than d (+26.27).",
        "2 of 6 pairs are not distinguishable.",
        "Differences are points of test accuracy; paired t test by seed; p values by Holm for "
        "6 tests, at 5%.",
    ]


def test_many_against_a_reference():
    values = {"a": GOOD, "b": BAD, "c": NOISY, "d": (0.7, 0.71, 0.702), "e": (0.989, 0.992, 0.99)}
    assert said(values, reference="a")[:2] == [
        "Worse than a: b (-4.00) and d (-28.60).",
        "Not distinguishable from a: c (-2.33) and e (+0.03).",
    ]


def test_nothing_is_distinguishable():
    values = {name: np.roll((0.95, 0.99, 0.96), shift) for shift, name in enumerate("abcd")}
    sentences = said({k: v + 0.001 * i for i, (k, v) in enumerate(values.items())})
    assert sentences[0] == "No two configurations are distinguishable."


def test_no_claims_are_counted_by_their_reason():
    assert said({"a": (0.9,), "b": (0.8,)}) == ["a against b: a single run of each, so no claim."]
    assert said(dict.fromkeys("abcd", (0.9,))) == ["No claim on 6 pairs: a single run of each."]
    assert said({"a": GOOD}) == ["One configuration, a: nothing to compare it with."]
