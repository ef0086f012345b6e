import numpy as np
import pytest

from cnnlab.compare.statistics.pairs import Sample, compare_pairs


def sample(label, values, *, seeds=None, tested_on="t", correct=None):
    seeds = range(len(values)) if seeds is None else seeds
    by_seed = dict(zip(seeds, values, strict=False))
    return Sample(label, tuple(values), by_seed, tested_on, lambda: correct)


def one(first, second, **options):
    pairs = compare_pairs([first, second], higher_is_better=True, reference=None, **options)
    (row,) = pairs.to_dict("records")
    return row


GOOD, BAD = (0.99, 0.991, 0.992), (0.95, 0.953, 0.951)


@pytest.mark.slow
def test_by_seed_where_two_seeds_are_common():
    row = one(sample("a", GOOD), sample("b", BAD))
    assert (row["test"], row["n_first"], row["verdict"]) == ("paired t", 3, "better")
    assert row["difference"] == pytest.approx(0.991 - 0.951333, abs=1e-6)
    assert one(sample("b", BAD), sample("a", GOOD))["verdict"] == "worse"


def test_the_common_seeds_are_used_and_counted():
    row = one(sample("a", GOOD, seeds=(0, 1, 2)), sample("b", BAD, seeds=(1, 2, 3)))
    assert (row["test"], row["n_first"], row["n_second"]) == ("paired t", 2, 2)
    assert row["difference"] == pytest.approx((0.991 - 0.95 + 0.992 - 0.953) / 2)


def test_without_common_seeds_by_welch():
    row = one(sample("a", GOOD), sample("b", BAD, seeds=(7, 8, 9)))
    assert (row["test"], row["n_second"], row["verdict"]) == ("Welch t", 3, "better")


def test_two_single_runs_by_their_answers():
    random = np.random.default_rng(0)
    right = random.random((2, 1000)) < [[0.97], [0.9]]
    samples = [sample(n, [r.mean()], correct=r) for n, r in zip("ab", right, strict=True)]
    row = one(*samples)
    assert (row["test"], row["verdict"], row["reason"]) == ("McNemar", "better", "")
    assert row["difference"] == pytest.approx(right[0].mean() - right[1].mean())


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (sample("a", [0.9]), sample("b", [0.8]), "a single run of each"),
        (sample("a", [0.9]), sample("b", BAD), "a single run of one of them"),
        (sample("a", GOOD, tested_on="u"), sample("b", BAD), "tested on different images"),
        (sample("a", [0.9, 0.9]), sample("b", [0.8, 0.8]), "no spread between seeds"),
    ],
)
def test_no_claim(first, second, reason):
    row = one(first, second)
    assert (row["verdict"], row["reason"], row["test"]) == ("no claim", reason, "")
    assert np.isnan(row["p_holm"])


def test_against_a_reference_the_others_alone_are_tested():
    samples = [sample(name, values) for name, values in zip("abc", (GOOD, BAD, BAD), strict=True)]
    pairs = compare_pairs(samples, higher_is_better=True, reference="b")
    assert list(pairs["first"]) == ["a", "c"]
    assert set(pairs["second"]) == {"b"}
    assert list(pairs["verdict"]) == ["better", "no claim"]


def test_of_an_error_less_is_better():
    pairs = compare_pairs(
        [sample("a", GOOD), sample("b", BAD)], higher_is_better=False, reference=None
    )
    assert list(pairs["verdict"]) == ["worse"]


def equal_models(random, means, seeds=5):
    runs = random.normal(np.array(means)[:, None], 0.01, (len(means), seeds))
    return [sample(f"m{i}", list(values)) for i, values in enumerate(runs)]


@pytest.mark.slow(8)
@pytest.mark.parametrize("reference", [None, "m0"])
def test_of_tables_of_equal_models_at_most_6_percent_have_a_false_verdict(reference, monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels calls it for every table
    random = np.random.default_rng(8)
    tables = [
        compare_pairs(equal_models(random, [0.9] * 8), higher_is_better=True, reference=reference)
        for _ in range(600)
    ]
    assert np.mean([(t["verdict"] != "not distinguishable").any() for t in tables]) <= 0.06


def test_a_difference_of_two_standard_deviations_at_5_seeds_is_found_in_most(monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)
    random = np.random.default_rng(2)
    found = [one(*equal_models(random, [0.92, 0.9]))["verdict"] for _ in range(200)]
    assert found.count("better") > 100
    assert found.count("worse") == 0
