"""The votes of several classifiers on the same images, and how often they are wrong.

Soft vote: the class with the largest mean probability. Hard vote: the class that most members
predict; among equally many votes, the one with the largest mean probability.
"""

import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

MAX_SUBSETS = 200  # of each size; beyond it, a random sample of this number
CHUNK = 4_000_000  # probabilities in memory at a time

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


def subsets(n: int, k: int, limit: int = MAX_SUBSETS) -> NDArray[np.float64]:
    """Which of ``n`` members each subset of ``k`` has, 1 or 0, (S, n).

    All subsets of that size where there are at most ``limit``, else ``limit`` different ones,
    drawn at random, always the same.
    """
    chosen: Iterable[tuple[int, ...]] = itertools.combinations(range(n), k)
    if math.comb(n, k) > limit:
        rng = np.random.default_rng(0)
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < limit:
            drawn[tuple(sorted(rng.permutation(n)[:k].tolist()))] = None
        chosen = drawn
    rows = np.array(list(chosen))
    found = np.zeros((len(rows), n))
    np.put_along_axis(found, rows, 1.0, axis=1)
    return found


def vote_errors(logits: Floats, labels: Ints, members: Floats) -> dict[str, NDArray[np.float64]]:
    """The share of images that each subset of the members gets wrong, (S,), by the kind of vote.

    Args:
        logits: (n, N, K).
        labels: (N,).
        members: which members each subset has, 1 or 0, (S, n).
    """
    n, num_images, num_classes = logits.shape
    wrong = {"soft": np.zeros(len(members)), "hard": np.zeros(len(members))}
    step = max(1, CHUNK // (max(n, len(members)) * num_classes))
    shares = members / members.sum(1, keepdims=True)
    for first in range(0, num_images, step):
        part, right = logits[:, first : first + step], labels[first : first + step]
        mean = np.tensordot(shares, softmax(part.astype(np.float64), axis=-1), 1)  # (S, step, K)
        counts = np.tensordot(members, np.eye(num_classes)[part.argmax(-1)], 1)
        wrong["soft"] += (mean.argmax(-1) != right).sum(1)
        # half a probability is less than a vote: it only decides between equal counts
        wrong["hard"] += ((counts + mean / 2).argmax(-1) != right).sum(1)
    return {vote: count / num_images for vote, count in wrong.items()}


def disagreement(logits: Floats) -> float:
    """The share of images on which two members predict different classes, mean over all pairs.

    Args:
        logits: of at least two members, (n, N, K).
    """
    predicted = logits.argmax(-1)
    pairs = itertools.combinations(predicted, 2)
    return float(np.mean([np.mean(one != other) for one, other in pairs]))


def log_mean_probability(logits: Floats) -> NDArray[np.float32]:
    """The logarithm of the members' mean probability, (N, K), of which softmax is that mean.

    Args:
        logits: (n, N, K).
    """
    each = (log_softmax(one.astype(np.float64), axis=-1) for one in logits)
    mean: Floats = functools.reduce(np.logaddexp, each) - math.log(len(logits))
    return mean.astype(np.float32)
