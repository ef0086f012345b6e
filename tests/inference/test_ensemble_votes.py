"""Soft and hard votes, their errors over subsets, disagreement: by hand, and what always holds."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.inference.ensemble import votes
from cnnlab.inference.ensemble.network import Ensemble
from cnnlab.inference.ensemble.votes import (
    disagreement,
    log_mean_probability,
    subsets,
    vote_errors,
)

# Two images of the classes 0 and 1; the third member is wrong, and sure, of the first.
THREE = np.log([[[0.6, 0.4], [0.2, 0.8]], [[0.6, 0.4], [0.2, 0.8]], [[0.1, 0.9], [0.2, 0.8]]])
LABELS = np.array([0, 1])


@pytest.mark.parametrize(
    ("k", "soft", "hard"),
    [
        (1, [0, 0, 0.5], [0, 0, 0.5]),
        (2, [0, 0.5, 0.5], [0, 0.5, 0.5]),  # one vote each: the larger mean probability
        (3, [0.5], [0]),  # means 0.43 and 0.57, votes 2 and 1
    ],
)
def test_errors_by_hand(k, soft, hard):
    errors = vote_errors(THREE, LABELS, subsets(3, k))
    np.testing.assert_allclose(errors["soft"], soft)
    np.testing.assert_allclose(errors["hard"], hard)


def test_a_tied_hard_vote_is_among_the_tied_classes():
    """The largest mean probability of all is that of a class that nobody predicts."""
    two = np.log([[[0.40, 0.22, 0.38]], [[0.20, 0.42, 0.38]]])  # means 0.30, 0.32, 0.38
    errors = {c: vote_errors(two, np.array([c]), np.ones((1, 2))) for c in range(3)}
    assert [errors[c]["hard"].item() for c in range(3)] == [1, 0, 1]
    assert [errors[c]["soft"].item() for c in range(3)] == [1, 1, 0]


def test_disagreement_by_hand():
    assert disagreement(THREE) == pytest.approx((0 + 0.5 + 0.5) / 3)
    assert disagreement(THREE[:2]) == 0


def test_subsets():
    assert subsets(3, 2).tolist() == [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    assert len(subsets(10, 3)) == 120  # all
    sampled = subsets(20, 10)
    assert sampled.shape == (200, 20)
    assert len(np.unique(sampled, axis=0)) == 200
    assert set(sampled.sum(1)) == {10}
    assert np.array_equal(sampled, subsets(20, 10))


@given(st.integers(2, 5), st.integers(1, 9), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_what_holds_of_any_logits(n, num_images, num_classes, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, num_images, num_classes)).astype(np.float32)
    labels = rng.integers(0, num_classes, num_images)
    single = (logits.argmax(-1) != labels).mean(1)
    one = vote_errors(logits, labels, subsets(n, 1))
    assert np.allclose(one["soft"], single)
    assert np.allclose(one["hard"], single)
    (whole,) = vote_errors(logits, labels, subsets(n, n))["soft"]
    outputs = log_mean_probability(logits)
    assert whole == pytest.approx((outputs.argmax(1) != labels).mean())
    np.testing.assert_allclose(np.exp(outputs).sum(1), 1, rtol=1e-5)
    pairs = [(a != b).mean() for a, b in itertools.combinations(logits.argmax(-1), 2)]
    assert disagreement(logits) == pytest.approx(np.mean(pairs))
    same = np.repeat(logits[:1], n, axis=0)
    assert disagreement(same) == 0
    for errors in vote_errors(same, labels, subsets(n, n)).values():
        assert errors.item() == pytest.approx(single[0])


def test_errors_are_the_same_in_small_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 50, 3)), rng.integers(0, 3, 50)
    whole = vote_errors(logits, labels, subsets(4, 2))
    monkeypatch.setattr(votes, "CHUNK", 6 * 3 * 7)  # seven images
    pieces = vote_errors(logits, labels, subsets(4, 2))
    for vote, errors in whole.items():
        np.testing.assert_allclose(pieces[vote], errors)


def test_the_network_gives_what_is_stored():
    torch.manual_seed(0)
    models = [torch.nn.Linear(4, 3) for _ in range(3)]
    images = 30 * torch.randn(5, 4)  # some probabilities are nearly 0
    with torch.no_grad():
        outputs = Ensemble(models)(images)
        logits = torch.stack([model(images) for model in models])
    torch.testing.assert_close(outputs.softmax(1), logits.softmax(2).mean(0))
    np.testing.assert_allclose(outputs, log_mean_probability(logits.numpy()), atol=1e-5)
