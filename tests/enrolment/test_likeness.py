import numpy as np
import pytest
from numpy.typing import NDArray

from kws_live.enrolment.likeness import ALMOST, cosines, part_that_differs, takes_enough
from kws_live.model.speech_embedding import EMBEDDING_SIZE
from kws_live.model.taught_words import SPAN_HOPS, VECTOR_SIZE

RNG = np.random.default_rng(0)


def test_a_take_is_as_like_the_others_as_the_cosine_of_it_and_their_mean_apart_from_talk() -> None:
    talk = RNG.normal(0, 1, VECTOR_SIZE)
    here, there = np.eye(VECTOR_SIZE)[:2]
    assert cosines(talk + np.array([here, here, there]), talk) == pytest.approx([0.5**0.5, 0.5**0.5, 0])
    assert cosines(talk[np.newaxis], talk) == [1.0]


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("each", [0.3, 0.6, 0.8])
def test_as_many_takes_are_enough_as_make_their_mean_almost_as_like_a_further_one_as_ever(each: float, n: int) -> None:
    nothing = np.zeros(60)
    takes = each**0.5 * np.eye(60)[0] + (1 - each) ** 0.5 * np.eye(60)[1:]  # so like is each to each
    enough = takes_enough(cosines(takes[:n], nothing)[0], n)
    assert cosines(takes[: enough + 1], nothing)[0] >= ALMOST * each**0.5
    assert cosines(takes[:enough], nothing)[0] < ALMOST * each**0.5


def takes(differs: slice) -> NDArray[np.float32]:
    """Five takes of a word that has ones in these hops and zeros elsewhere, with chance added."""
    word = np.zeros((SPAN_HOPS, EMBEDDING_SIZE))
    word[differs] = 1
    return (word.ravel() + RNG.normal(0, 1, (5, VECTOR_SIZE))).astype(np.float32)


@pytest.mark.parametrize(
    ("differs", "part"), [(slice(5, 8), "end"), (slice(0, 3), "beginning"), (slice(0, 8), ""), (slice(3, 5), "")]
)
def test_words_differ_where_their_means_lie_further_apart_than_chance_would_have_them(
    differs: slice, part: str
) -> None:
    assert part_that_differs(takes(slice(0, 0)), takes(differs)) == part


@pytest.mark.twin("test_words_differ_where_their_means_lie_further_apart_than_chance_would_have_them")
def test_a_word_does_not_differ_from_itself() -> None:
    same = takes(slice(0, 8))
    assert part_that_differs(same, same) == ""
