"""Similarity of words and takes, in the vectors from which words are scored."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.model.taught_words import SPAN_HOPS, Numbers

MOSTLY: Final = 0.6
"""Share of the difference between two words that must lie in one half of the vector to name that part."""


ALMOST: Final = 0.95
"""Share of the similarity that infinitely many takes would reach: beyond it, more takes add little."""


def cosines(means: Numbers, talk: Numbers) -> list[float]:
    """Return each take's cosine with the mean of the others, both minus the mean of speech; 1 for a single take.

    Parameters
    ----------
    means : (n_takes, VECTOR_SIZE)
    talk : (VECTOR_SIZE,)
    """
    if len(means) < 2:
        return [1.0] * len(means)
    apart = means - talk
    rest = (apart.sum(axis=0) - apart) / (len(apart) - 1)
    lengths = np.linalg.norm(apart, axis=1) * np.linalg.norm(rest, axis=1)
    return [float(one) for one in (apart * rest).sum(axis=1) / lengths]


def takes_enough(likeness: float, n: int) -> int:
    """Return how many such takes are needed until their mean is `ALMOST` as similar to another one as possible.

    Takes that all have the same cosine with each other, ``r``, have ``r * sqrt(n / (1 + (n - 1) * r))`` with the mean
    of ``n`` others, which tends to ``sqrt(r)``.

    Parameters
    ----------
    likeness : mean of `cosines`, above 0
    n : takes that it is of, at least 2
    """
    square, others = likeness**2, n - 1
    half = square * (others - 1) / (2 * others)
    each = half + np.sqrt(half**2 + square / others)
    return int(np.ceil(ALMOST**2 / (1 - ALMOST**2) * (1 - each) / each))


def part_that_differs(one: NDArray[np.float32], other: NDArray[np.float32]) -> str:
    """Return where two words differ: "end" (the last 0.3 s), "beginning", or "" for both.

    Parameters
    ----------
    one, other : (n_takes, VECTOR_SIZE), of takes of each
    """
    parts = [takes.reshape(len(takes), SPAN_HOPS, -1) for takes in (one, other)]
    apart = np.square(parts[0].mean(axis=0) - parts[1].mean(axis=0)).sum(axis=1)
    # Expected difference between the means of as many takes of a single word.
    chance = sum(takes.var(axis=0).sum(axis=1) / len(takes) for takes in parts)
    more = np.maximum(apart - chance, 0)
    late = more[SPAN_HOPS // 2 :].sum() / max(float(more.sum()), 1e-9)
    return "end" if late >= MOSTLY else "beginning" if 0 < late <= 1 - MOSTLY else ""
