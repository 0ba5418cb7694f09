"""How alike words and takes are, in the numbers that words are scored from."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.model.taught_words import SPAN_HOPS, Numbers

MOSTLY: Final = 0.6
"""Of the difference between two words: so much in one half of the vector says where they differ."""


ALMOST: Final = 0.95
"""Of the likeness that takes without end would have: further ones add little."""


def cosines(means: Numbers, talk: Numbers) -> list[float]:
    """How alike each take is to the others: cosine with their mean, both as they differ from talk; 1 for one.

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
    """How many takes like these it takes until their mean is `ALMOST` as like a further one as it can become.

    Takes that all have the same cosine with each other, ``r``, have ``r * sqrt(n / (1 + (n - 1) * r))`` with the mean
    of ``n`` others, which ends at ``sqrt(r)``.

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
    """Where two words differ: "end" (the last 0.3 s), "beginning", or "" for both.

    Parameters
    ----------
    one, other : (n_takes, VECTOR_SIZE), of takes of each
    """
    parts = [takes.reshape(len(takes), SPAN_HOPS, -1) for takes in (one, other)]
    apart = np.square(parts[0].mean(axis=0) - parts[1].mean(axis=0)).sum(axis=1)
    # The means of as many takes of one word would differ by so much.
    chance = sum(takes.var(axis=0).sum(axis=1) / len(takes) for takes in parts)
    more = np.maximum(apart - chance, 0)
    late = more[SPAN_HOPS // 2 :].sum() / max(float(more.sum()), 1e-9)
    return "end" if late >= MOSTLY else "beginning" if 0 < late <= 1 - MOSTLY else ""
