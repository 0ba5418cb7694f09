"""Pairs of similar words, in synthetic voices, for scripts/prove_teaching."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.enrolment.expectation import THRESHOLD
from kws_live.enrolment.sliding import Hops
from kws_live.enrolment.spoken_takes import speak_takes
from kws_live.enrolment.teaching import Teacher
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.report import Table
from kws_live.model import Model

FIRST: Final = ("lights", "music", "window", "heater", "radio")
LAST: Final = (("on", "off"), ("up", "down"), ("left", "right"), ("high", "low"), ("one", "two"))
BEFORE: Final = (("kitchen", "bedroom"), ("open", "close"), ("garden", "garage"), ("start", "stop"), ("upper", "lower"))
THINGS: Final = ("light", "door", "window", "music", "heater")
N_TAKES: Final = 5

Word = tuple[NDArray[np.float32], float]


def alike() -> dict[str, list[tuple[str, str]]]:
    """Return pairs of words by the kind of similarity."""
    return {
        "begin alike, such as lights on, lights off": [(f"{a} {b}", f"{a} {c}") for a in FIRST for b, c in LAST],
        "end alike, such as kitchen light, bedroom light": [
            (f"{b} {a}", f"{c} {a}") for a in THINGS for b, c in BEFORE
        ],
    }


def pairs(model: Model, teacher: Teacher) -> Table:
    """Return how often a word of a pair fires on the other, taught alone and together, without rules for pauses."""
    rows = []
    for kind, words in alike().items():
        hits = alone = both = Share(0, 0)
        for pair in words:
            taught, tried = zip(*(learnt(model, teacher, word) for word in pair), strict=True)
            for own, other, clips in ((0, 1, tried[0]), (1, 0, tried[1])):
                right, wrong = (np.array([teacher.peak(one, *taught[i]) for one in clips]) for i in (own, other))
                hits += count(right >= THRESHOLD)
                alone += count(wrong >= THRESHOLD)
                both += count((wrong >= THRESHOLD) & (wrong > right))
        rows.append((f"{len(words)} pairs that {kind}", str(hits), str(alone), str(both)))
    head = ("synthetic voices, as shipped", "told", "the other told, taught alone", "the other told, both taught")
    return Table("Words that begin or end alike", head, tuple(rows))


def learnt(model: Model, teacher: Teacher, word: str) -> tuple[Word, Sequence[Hops]]:
    """Teach a word from five voices, to be tried on the others."""
    takes = [take.features(model) for take in speak_takes(word)]
    order = np.random.default_rng(0).permutation(len(takes))
    taught = teacher.weights_of([takes[i] for i in order[:N_TAKES]])
    return taught, [teacher.slide(takes[i]) for i in order[N_TAKES:]]


def count(passed: NDArray[np.bool_]) -> Share:
    return Share(int(passed.sum()), passed.size)
