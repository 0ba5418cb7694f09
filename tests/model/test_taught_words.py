import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kws_live.audio import SILENCE
from kws_live.errors import ModelError, OutdatedWordsError
from kws_live.model.features import Features
from kws_live.model.speech_embedding import EMBEDDING_SIZE, N_BANDS, STEP_FRAMES
from kws_live.model.taught_words import (
    CLAIM_HOPS,
    HOLD_HOPS,
    NEARER,
    SPAN_FRAMES,
    SPAN_HOPS,
    VECTOR_SIZE,
    TaughtScorer,
    TaughtWords,
    contest,
    held,
    vectors_of,
)
from kws_live.spotting.verdict import Heard

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(0, 4, (2, VECTOR_SIZE)).astype(np.float32)
NONE = np.zeros((0, VECTOR_SIZE), np.float32)
WORDS = TaughtWords(("lamp", "góra"), WEIGHTS, np.array([-2.0, 0.5], np.float32), (), NONE)
MFCC, BANDS = np.zeros((98, 40), np.float32), np.zeros((SPAN_FRAMES, N_BANDS), np.float32)


class Fixed:
    """A network that always gives the same posteriors, that of silence last."""

    def __init__(self, *values: float, silence: float = 0.0) -> None:
        self.values = np.array((*values, silence), np.float32)

    def score(self, features: Features, follows: bool = False) -> Heard:
        return Heard(self.values)


class Along:
    """An embedding that points along one of its numbers, the next one given at each hop; 0 at first."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def step(self, bands: Features) -> NDArray[np.float32]:
        assert bands.shape == (STEP_FRAMES, N_BANDS)
        return np.asarray(np.eye(EMBEDDING_SIZE)[self.numbers.pop(0)], np.float32)

    def of(self, bands: Features) -> NDArray[np.float32]:
        assert bands.shape == (SPAN_FRAMES, N_BANDS)
        return np.eye(EMBEDDING_SIZE, dtype=np.float32)[[0] * SPAN_HOPS]


def weights_along(number: int, height: float) -> NDArray[np.float32]:
    """Weights whose product is this where the last embedding points along that number, and 0 elsewhere."""
    weights = np.zeros((SPAN_HOPS, EMBEDDING_SIZE), np.float32)
    weights[-1, number] = height * SPAN_HOPS**0.5
    return weights.ravel()


def last_along(number: int, height: float, bias: float, name: str = "a", **network: float) -> TaughtWords:
    """A word with this product and bias, beside words of the network with other products in the same place."""
    return TaughtWords(
        names=(name,),
        weights=weights_along(number, height)[np.newaxis],
        biases=np.array([bias], np.float32),
        network_words=tuple(network),
        network_weights=np.array([weights_along(number, one) for one in network.values()], np.float32).reshape(
            -1, VECTOR_SIZE
        ),
    )


def logistic(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def scores(scorer: TaughtScorer, n: int) -> list[list[float]]:
    return [scorer.score(MFCC, BANDS, follows=i > 0).posteriors.tolist() for i in range(n)]


def test_words_survive_the_file_they_are_kept_in() -> None:
    again = TaughtWords.from_bytes(WORDS.to_bytes(), "words.npz")
    assert again.names == WORDS.names
    assert np.array_equal(again.weights, WORDS.weights)
    assert np.array_equal(again.biases, WORDS.biases)
    assert again.user_words == WORDS.names
    adapted = replace(WORDS, adapted=frozenset({"lamp"}))
    again = TaughtWords.from_bytes(adapted.to_bytes(), "words.npz")
    assert again.adapted == {"lamp"}
    assert again.user_words == ("góra",)


def test_a_vector_is_eight_embeddings_on_end_of_length_one() -> None:
    embeddings = RNG.normal(0, 1, (10, EMBEDDING_SIZE)).astype(np.float32)
    vectors = vectors_of(embeddings)
    assert vectors.shape == (3, VECTOR_SIZE)
    whole = embeddings[1:9].ravel()
    np.testing.assert_allclose(vectors[1], whole / np.linalg.norm(whole), rtol=1e-6)
    assert len(vectors_of(embeddings[:7])) == 0


def test_a_score_is_the_logistic_function_of_the_product_and_lasts_two_hops_longer() -> None:
    scorer = TaughtScorer(Fixed(0.0), Along(1, *[0] * (HOLD_HOPS + 2)), last_along(1, 3.0, -1.0), {"b": 0, SILENCE: -1})
    heard = [row[-1] for row in scores(scorer, HOLD_HOPS + 4)]
    expected = [logistic(-1), *[logistic(2)] * (1 + HOLD_HOPS), logistic(-1), logistic(-1)]
    assert heard == pytest.approx(expected, rel=1e-5)


def test_a_stretch_that_follows_nothing_holds_no_score_of_the_one_before() -> None:
    scorer = TaughtScorer(Fixed(0.0), Along(1), last_along(1, 3.0, -1.0), {"b": 0, SILENCE: -1})
    assert scores(scorer, 2)[1][-1] == pytest.approx(logistic(2))
    assert scorer.score(MFCC, BANDS, follows=False).posteriors[-1] == pytest.approx(logistic(-1))


def test_many_hops_at_once_are_held_as_they_are_one_by_one() -> None:
    logits = RNG.normal(0, 1, 20)
    assert held(logits, 3).tolist() == [max(logits[max(0, i - 3) : i + 1]) for i in range(20)]
    assert held(logits[:0], 3).size == 0


def test_a_word_scores_the_same_to_the_bit_with_and_without_the_others() -> None:
    rest = replace(WORDS, names=("góra",), weights=WORDS.weights[1:], biases=WORDS.biases[1:])
    numbers = RNG.integers(0, EMBEDDING_SIZE, 50).tolist()
    both, one = (
        scores(TaughtScorer(Fixed(0.3), Along(*numbers), words, {"go": 0, SILENCE: -1}), 50) for words in (WORDS, rest)
    )
    assert [row[-1] for row in both] == [row[-1] for row in one]


def test_a_word_of_the_network_speaks_against_a_taught_word_and_gives_way_to_one_that_is_nearer() -> None:
    near, far = 5.0 - NEARER - 0.1, 5.0 - NEARER + 0.1
    for of_b, logit, left in ((near, 2.0, 0.9 * (1 - logistic(2.0))), (far, 2.0 + np.log(0.1), 0.9)):
        words = last_along(0, 5.0, -3.0, b=of_b)
        scorer = TaughtScorer(Fixed(0.9, 0.1), Along(), words, {"b": 0, SILENCE: -1})
        scored = scorer.score(MFCC, BANDS, follows=False).posteriors
        assert scored == pytest.approx([left, 0.1, 0.0, logistic(logit)], rel=1e-4)


def test_what_the_network_said_counts_as_long_as_the_vector_holds_it() -> None:
    said = np.zeros((8, 1))
    said[0] = 0.9
    for of_b, logits in ((5.0, [5 + np.log(0.1)] * (1 + CLAIM_HOPS) + [5.0] * (7 - CLAIM_HOPS)), (0.0, [5.0] * 8)):
        assert contest(np.full(8, 5.0), 0.0, np.full((8, 1), of_b), said, np.zeros(8))[0] == pytest.approx(logits)


def test_what_the_network_calls_no_voice_is_no_taught_word() -> None:
    words = last_along(0, 5.0, -3.0, b=0.0)
    for silence, logit in ((0.9, 2.0 + np.log(0.1)), (0.0, 2.0)):
        scorer = TaughtScorer(Fixed(0.0, silence=silence), Along(), words, {"b": 0, SILENCE: 1})
        assert scorer.score(MFCC, BANDS, follows=False).posteriors[-1] == pytest.approx(logistic(logit), rel=1e-4)


def test_of_two_words_only_that_gives_way_which_is_further_off() -> None:
    words = last_along(0, 5.0, -1.0, b=0.0, c=4.9)
    scorer = TaughtScorer(Fixed(0.5, 0.1, 0.4), Along(), words, {"b": 0, "c": 1, SILENCE: -1})
    score = logistic(4.0 + np.log(0.9))
    assert scorer.score(MFCC, BANDS, follows=False).posteriors == pytest.approx(
        [0.5 * (1 - score), 0.1, 0.4, 0.0, score], rel=1e-4
    )


def test_a_word_gives_way_only_to_one_that_is_heard() -> None:
    words = last_along(0, 5.0, -5.1, b=0.0)
    scorer = TaughtScorer(Fixed(0.5), Along(), words, {"b": 0, SILENCE: -1})
    scored = scorer.score(MFCC, BANDS, follows=False).posteriors
    assert scored == pytest.approx([0.5, 0.0, logistic(-0.1)], rel=1e-4)  # nearer, but 0.475


def test_a_word_taken_away_is_as_if_it_had_never_been() -> None:
    network = {"network_words": ("go",), "network_weights": RNG.normal(0, 1, (1, VECTOR_SIZE)).astype(np.float32)}
    both = TaughtWords(WORDS.names, WORDS.weights, WORDS.biases, **network)  # type: ignore[arg-type]  # as they are
    rest = TaughtWords(WORDS.names[1:], WORDS.weights[1:], WORDS.biases[1:], **network)  # type: ignore[arg-type]
    numbers = RNG.integers(0, EMBEDDING_SIZE, 50).tolist()
    with_both, left = (
        scores(TaughtScorer(Fixed(0.8), Along(*numbers), words, {"go": 0, SILENCE: -1}), 50) for words in (both, rest)
    )
    assert [row[-1] for row in with_both] == [row[-1] for row in left]
    assert 0 < sum(one[0] != other[0] for one, other in zip(with_both, left, strict=True)) < 50


def test_an_adapted_word_scores_the_better_of_the_network_and_its_takes_and_does_not_speak_against_itself() -> None:
    words = replace(last_along(0, 4.0, -3.0, "go", go=9.0, no=9.0), adapted=frozenset({"go"}))
    of_takes = logistic(1.0 + np.log(0.9))  # "no" alone speaks against it
    for said, best in ((0.25, of_takes), (0.9, 0.9)):
        scorer = TaughtScorer(Fixed(said, 0.1), Along(), words, {"go": 0, "no": 1, SILENCE: -1})
        assert scorer.score(MFCC, BANDS, follows=False).posteriors == pytest.approx([best, 0.1, 0.0], rel=1e-4)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", WORDS.to_bytes()[:200]])
def test_a_damaged_file_is_said_in_one_line(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"words\.npz cannot be used: .*; teach the words again"):
        TaughtWords.from_bytes(content, "words.npz")


def test_weights_that_fit_no_words_are_refused() -> None:
    with pytest.raises(ModelError, match=r"of \(\(1, 768\), \(1,\), \(0, 768\)\), but they are"):
        replace(WORDS, names=("a",))
    with pytest.raises(ModelError, match=r"but they are \(\(2, 64\)"):
        replace(WORDS, weights=WEIGHTS[:, :64])
    with pytest.raises(ModelError, match=r"\(1, 768\)\), but they are"):
        replace(WORDS, network_words=("b",))
    with pytest.raises(ModelError, match="NaN or infinite weights"):
        replace(WORDS, weights=WEIGHTS * np.float32(np.nan))


def test_words_of_an_earlier_version_and_of_a_later_one_are_told_from_damaged_ones() -> None:
    def of_format(number: int) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, format=number, names=np.array(WORDS.names))
        return buffer.getvalue()

    with pytest.raises(OutdatedWordsError, match="kws-live words list --model mine") as error:
        TaughtWords.from_bytes(of_format(1), "models/mine/words.npz")
    assert error.value.folder == Path("models/mine")
    with pytest.raises(ModelError, match="format 3; this version reads format 2; teach the words again"):
        TaughtWords.from_bytes(of_format(3), "words.npz")
