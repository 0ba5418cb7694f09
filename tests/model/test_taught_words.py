import io

import numpy as np
import pytest

from kws_live.errors import ModelError
from kws_live.model.features import Features
from kws_live.model.taught_words import KNOWN_WEIGHT, NEARER, TaughtScorer, TaughtWords

RNG = np.random.default_rng(0)
WORDS = TaughtWords(("lamp", "góra"), RNG.normal(0, 8, (2, 64)).astype(np.float32), np.array([-2.0, 0.5], np.float32))


class Fixed:
    def __init__(self, values: list[float]) -> None:
        self.values = np.array(values, np.float32)

    def score(self, features: Features) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return self.values


def test_words_survive_the_file_they_are_kept_in() -> None:
    again = TaughtWords.from_bytes(WORDS.to_bytes(), "words.npz")
    assert again.names == WORDS.names
    assert np.array_equal(again.weights, WORDS.weights)
    assert np.array_equal(again.biases, WORDS.biases)
    assert again.known == ()
    known = two_numbers((0.0, 2.0), (1.0, 1.0))
    again = TaughtWords.from_bytes(known.to_bytes(), "words.npz")
    assert again.known == ("b", "c")
    assert np.array_equal(again.known_weights, known.known_weights)


WINDOW = np.zeros((98, 40), np.float32)


def two_numbers(*of_known: tuple[float, float]) -> TaughtWords:
    """A word "a" with embeddings of two numbers, along the first of them, beside words of the network's own."""
    known = tuple("bcd"[: len(of_known)])
    weights, biases = np.array([[2.0, 0.0]], np.float32), np.array([-1.0], np.float32)
    return TaughtWords(
        ("a",), weights, biases, known=known, known_weights=np.array(of_known, np.float32).reshape(-1, 2)
    )


def test_a_score_is_the_logistic_function_of_the_product() -> None:
    def score(embedding: list[float]) -> float:
        return float(TaughtScorer(Fixed([0.0]), Fixed(embedding), two_numbers(), own={"b": 0}).score(WINDOW)[1])

    # 2 * 0.5 - 1 = 0, of which the logistic function is one half
    assert score([0.5, 0.8]) == pytest.approx(0.5)
    assert score([1.0, 0.0]) == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_word_scores_the_same_with_and_without_the_others() -> None:
    alone = TaughtWords(("góra",), WORDS.weights[1:], WORDS.biases[1:])
    for _ in range(50):
        embedding = Fixed(RNG.normal(0, 0.12, 64).tolist())
        both, one = (
            TaughtScorer(Fixed([0.3]), embedding, words, own={"go": 0}).score(WINDOW) for words in (WORDS, alone)
        )
        assert both[2] == one[1]


def test_a_word_of_the_network_gives_way_where_the_embedding_is_nearer_to_the_taught_one_and_only_there() -> None:
    words = two_numbers((0.0, 2.0))
    near = TaughtScorer(Fixed([0.9, 0.1]), Fixed([0.9, 0.4]), words, own={"b": 0}).score(WINDOW)
    score = 1 / (1 + np.exp(1 - 1.8))  # "b" speaks against it no more
    assert near == pytest.approx([0.9 * (1 - score), 0.1, score])
    assert 2 * 0.8 - 2 * 0.6 < NEARER < 2 * 0.9 - 2 * 0.4
    far = TaughtScorer(Fixed([0.9, 0.1]), Fixed([0.8, 0.6]), words, own={"b": 0}).score(WINDOW)
    assert far == pytest.approx([0.9, 0.1, 1 / (1 + np.exp(1 - 1.6 + 0.9 * KNOWN_WEIGHT))])


def test_of_two_words_only_that_gives_way_which_is_further_off() -> None:
    words = two_numbers((0.0, 2.0), (1.9, 0.0))
    scorer = TaughtScorer(Fixed([0.5, 0.1, 0.4]), Fixed([0.9, 0.1]), words, own={"b": 0, "c": 1})
    score = 1 / (1 + np.exp(1 - 1.8 + 0.1 * KNOWN_WEIGHT))
    assert scorer.score(WINDOW) == pytest.approx([0.5 * (1 - score), 0.1, 0.4, score])


def test_a_word_gives_way_only_to_one_that_is_heard() -> None:
    words = TaughtWords(
        ("a",),
        np.array([[2.0, 0.0]], np.float32),
        np.array([-1.9], np.float32),
        known=("b",),
        known_weights=np.array([[0.0, 2.0]], np.float32),
    )
    scores = TaughtScorer(Fixed([0.5]), Fixed([0.9, 0.1]), words, own={"b": 0}).score(WINDOW)
    assert scores == pytest.approx([0.5, 1 / (1 + np.exp(1.9 - 1.8))])  # nearer, but 0.475


def test_a_word_taken_away_is_as_if_it_had_never_been() -> None:
    known = {"known": ("go",), "known_weights": RNG.normal(0, 8, (1, 64)).astype(np.float32)}
    both = TaughtWords(WORDS.names, WORDS.weights, WORDS.biases, **known)  # type: ignore[arg-type]  # as they are
    rest = TaughtWords(WORDS.names[1:], WORDS.weights[1:], WORDS.biases[1:], **known)  # type: ignore[arg-type]
    changed = 0
    for _ in range(50):
        embedding = Fixed(RNG.normal(0, 0.12, 64).tolist())
        with_both, left = (
            TaughtScorer(Fixed([0.8]), embedding, words, own={"go": 0}).score(WINDOW) for words in (both, rest)
        )
        assert with_both[2] == left[1]
        changed += with_both[0] != left[0]
    assert 0 < changed < 50


def test_the_posteriors_come_first_and_words_without_weights_are_untouched() -> None:
    scorer = TaughtScorer(Fixed([0.25, 0.75]), Fixed([0.0] * 64), WORDS, own={"go": 0})
    scores = scorer.score(np.zeros((98, 40), np.float32))
    assert scores[:2].tolist() == [0.25, 0.75]
    off = 0.25 * KNOWN_WEIGHT  # the second output is no word
    assert scores[2:] == pytest.approx([1 / (1 + np.exp(2 + off)), 1 / (1 + np.exp(off - 0.5))])
    assert scores.dtype == np.float32
    quiet = TaughtScorer(Fixed([0.25, 0.75]), Fixed([0.0] * 64), WORDS, own={"go": 0}, silence=1)
    off = 0.75 * KNOWN_WEIGHT
    assert quiet.score(np.zeros((98, 40), np.float32))[2] == pytest.approx(1 / (1 + np.exp(2 + off)))


def test_a_personal_word_scores_the_better_of_the_network_and_its_takes_and_does_not_speak_against_itself() -> None:
    words = TaughtWords(("lamp", "go"), WORDS.weights, WORDS.biases, frozenset({"go"}))
    scores = TaughtScorer(Fixed([0.25, 0.1, 0.65]), Fixed([0.0] * 64), words, own={"go": 0, "no": 1}).score(
        np.zeros((98, 40), np.float32)
    )
    of_takes = 1 / (1 + np.exp(0.1 * KNOWN_WEIGHT - 0.5))  # "no" alone speaks against it
    lamp = 1 / (1 + np.exp(2 + 0.25 * KNOWN_WEIGHT))
    assert scores == pytest.approx([of_takes, 0.1, 0.65, lamp])
    sure = TaughtScorer(Fixed([0.9, 0.1, 0.0]), Fixed([0.0] * 64), words, own={"go": 0, "no": 1})
    assert sure.score(np.zeros((98, 40), np.float32))[0] == np.float32(0.9)


def test_which_words_are_personal_survives_and_files_from_before_there_were_any_are_read() -> None:
    words = TaughtWords(WORDS.names, WORDS.weights, WORDS.biases, frozenset({"lamp"}))
    assert TaughtWords.from_bytes(words.to_bytes(), "words.npz").personal == {"lamp"}
    assert words.beside == ("góra",)
    buffer = io.BytesIO()
    np.savez(buffer, format=1, names=np.array(WORDS.names), weights=WORDS.weights, biases=WORDS.biases)
    assert TaughtWords.from_bytes(buffer.getvalue(), "words.npz").beside == WORDS.names


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", WORDS.to_bytes()[:200]])
def test_a_damaged_file_is_said_in_one_line(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"words\.npz cannot be used: .*; teach the words again"):
        TaughtWords.from_bytes(content, "words.npz")


def test_weights_that_fit_no_words_are_refused() -> None:
    with pytest.raises(ModelError, match="1 words, but weights"):
        TaughtWords(("a",), WORDS.weights, WORDS.biases)
    with pytest.raises(ModelError, match="1 known words, but weights"):
        TaughtWords(("a",), WORDS.weights[:1], WORDS.biases[:1], known=("b",))
    with pytest.raises(ModelError, match="weights that are not numbers"):
        TaughtWords(WORDS.names, WORDS.weights * np.float32(np.nan), WORDS.biases)
