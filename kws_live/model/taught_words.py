"""Words that a user has taught, in a model folder: how each is scored, beside what the network knows.

`kws_live.model.speech_embedding` turns each hop into 96 numbers. The last eight hops, 1.3 s, make one vector of length
one, and each taught word is a weight vector and a bias: its score is the logistic function of their product with it,
less what speaks for a word of the network's or for no voice at all, held for two hops. The network knows nothing
of taught words, and calls one that is like a word of its own by that name ("joke": "go"). So the network's words have
weight vectors too, and where the vector lies nearer to the taught word it speaks for that word alone. Taught words know
nothing of each other: when one is taken away, everything is as if it had never been taught, bit for bit.

User words are labels of their own, after the network's. An adapted word is one of the network's, taught anew: it scores
what the network gives it or what its takes do, whichever is more.
"""

import io
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SILENCE
from kws_live.errors import ModelError, OutdatedWordsError
from kws_live.model.features import Features
from kws_live.model.scorer import Scorer
from kws_live.model.speech_embedding import EMBEDDING_SIZE, SEEN_FRAMES, STEP_FRAMES
from kws_live.spotting.verdict import Heard
from kws_live.system.array_file import read_arrays

WORDS_NAME: Final = "words.npz"
TAKES_NAME: Final = "takes.npz"
BANK_NAME: Final = "negatives.npz"
FORMAT: Final = 2
SPAN_HOPS: Final = 8
"""Embeddings that a word is scored from."""

VECTOR_SIZE: Final = SPAN_HOPS * EMBEDDING_SIZE
SPAN_FRAMES: Final = SEEN_FRAMES + (SPAN_HOPS - 1) * STEP_FRAMES
SPAN_SECONDS: Final = 17 * HOP_SECONDS
"""A whole number of hops that hold these frames."""

HOLD_HOPS: Final = 2
"""A score lasts so much longer: a window that holds the word well is rarer than one that the decision can wait for."""

CLAIM_HOPS: Final = 4
"""What the network said counts so much longer: so much further than its window does the vector reach back."""

LEAST_LEFT: Final = 1e-3
"""Of the odds of a taught word, where the network is sure of a word of its own."""

NEARER: Final = 2.0
"""So much higher must the product with a taught word's weights be than that with a word's of the network, for the
network to be wrong about that word."""

Numbers = NDArray[np.floating]
Kind = TypeVar("Kind", bound=np.generic)


class Embedding(Protocol):
    """Turns a stream's bands into embeddings, as `kws_live.model.speech_embedding.SpeechEmbedding` does."""

    def step(self, bands: Features) -> NDArray[np.float32]:
        """Of the `STEP_FRAMES` that follow the last ones: shape (EMBEDDING_SIZE,)."""

    def of(self, bands: Features) -> NDArray[np.float32]:
        """Of a stretch that follows nothing, one every `STEP_FRAMES`: shape (n, EMBEDDING_SIZE)."""


@dataclass(frozen=True, eq=False)
class TaughtWords:
    """What ``words.npz`` holds.

    Attributes
    ----------
    names : the words, in the order of the scores
    weights : float32 (n_words, VECTOR_SIZE)
    biases : float32 (n_words,)
    network_words : those of the network
    network_weights : float32 (n_network_words, VECTOR_SIZE), of these
    adapted : words that are in both
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    network_words: tuple[str, ...]
    network_weights: NDArray[np.float32]
    adapted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        parts = (self.weights, self.biases, self.network_weights)
        shapes = ((len(self.names), VECTOR_SIZE), (len(self.names),), (len(self.network_words), VECTOR_SIZE))
        if [part.shape for part in parts] != list(shapes):
            raise ModelError(
                f"{WORDS_NAME}: weights, biases and the network's weights of {shapes}, but they are "
                f"{tuple(part.shape for part in parts)}"
            )
        if not all(np.isfinite(part).all() for part in parts):
            raise ModelError(f"{WORDS_NAME} holds weights that are not numbers")

    @property
    def user_words(self) -> tuple[str, ...]:
        """Those that the network does not know: labels of their own, after its labels."""
        return tuple(name for name in self.names if name not in self.adapted)

    def to_bytes(self) -> bytes:
        """The content of ``words.npz``."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            format=FORMAT,
            names=np.array(self.names),
            weights=self.weights,
            biases=self.biases,
            network_words=np.array(self.network_words),
            network_weights=self.network_weights,
            adapted=np.array([name in self.adapted for name in self.names]),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> "TaughtWords":
        """Parse it.

        Raises
        ------
        ModelError
            If it cannot be used, or an earlier version wrote it: `OutdatedWordsError`.
        """
        try:
            stored = read_arrays(content)
            if int(stored["format"]) < FORMAT:
                raise OutdatedWordsError(Path(where).parent)
            if int(stored["format"]) != FORMAT:
                raise ValueError(f"format {int(stored['format'])}; this version reads format {FORMAT}")
            names, network_words = (tuple(map(str, stored[key])) for key in ("names", "network_words"))
            numbers = {key: stored[key].astype(np.float32) for key in ("weights", "biases", "network_weights")}
            adapted = frozenset(name for name, yes in zip(names, stored["adapted"].tolist(), strict=True) if yes)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{where} cannot be used: {error}; teach the words again") from error
        return cls(names=names, network_words=network_words, adapted=adapted, **numbers)


def vectors_of(embeddings: Numbers) -> NDArray[np.float32]:
    """What words are scored from: each `SPAN_HOPS` embeddings on end, of length one.

    Parameters
    ----------
    embeddings : (n_hops, EMBEDDING_SIZE), hop after hop

    Returns
    -------
    float32 array, shape (n_hops - SPAN_HOPS + 1, VECTOR_SIZE)
    """
    n = max(0, len(embeddings) - SPAN_HOPS + 1)
    spans = np.array([embeddings[at : at + SPAN_HOPS] for at in range(n)], np.float32).reshape(n, VECTOR_SIZE)
    return np.asarray(spans / np.maximum(np.linalg.norm(spans, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def logistic(logits: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))))


def contest(
    products: Numbers, bias: float, network_products: Numbers, said: Numbers, silence: Numbers
) -> tuple[Numbers, NDArray[np.bool_]]:
    """A taught word against the network's words, in hops on end.

    Parameters
    ----------
    products : (n_hops,), of the vectors and the taught word's weights
    bias : the taught word's
    network_products : (n_hops, n_words), of the vectors and the network's words' weights
    said : (n_hops, n_words), the network's posteriors of them
    silence : (n_hops,), that of silence, which all that is no voice is to it

    Returns
    -------
    tuple of two arrays
        The logits of the taught word's score, shape (n_hops,), and which of the network's words lie further off than
        it does: bool, shape (n_hops, n_words); both held.
    """
    nearer = products[:, np.newaxis] >= network_products + NEARER
    claimed = np.where(nearer, 0.0, held(said, CLAIM_HOPS)).max(axis=1, initial=0.0)
    # The network was trained with thousands of voices, a taught word with a few: the odds are of what it leaves.
    logits = products + bias + np.log(np.maximum((1 - claimed) * (1 - silence), LEAST_LEFT))
    return held(logits, HOLD_HOPS), held(nearer, HOLD_HOPS)


def held(values: NDArray[Kind], n_hops: int) -> NDArray[Kind]:
    """Values of hops on end, each the most of its own and those of so many hops before it."""
    n = len(values)
    return np.asarray(np.max([values[np.maximum(np.arange(n) - back, 0)] for back in range(n_hops + 1)], axis=0))


class StreamVectors:
    """The vector of each hop of a stream: only what is new is embedded.

    Parameters
    ----------
    embedding : run on every hop
    """

    def __init__(self, embedding: Embedding) -> None:
        self._embedding = embedding
        self._embeddings = np.zeros((0, EMBEDDING_SIZE), np.float32)

    def next(self, bands: Features, follows: bool) -> NDArray[np.float32]:
        """The vector of a hop, shape (VECTOR_SIZE,).

        Parameters
        ----------
        bands : float32 (at least SPAN_FRAMES, N_BANDS), which end where the hop ends
        follows : whether the hop comes right after the last one
        """
        if follows:
            new = self._embedding.step(bands[-STEP_FRAMES:])
            self._embeddings = np.concatenate((self._embeddings[1:], new[np.newaxis]))
        else:
            self._embeddings = self._embedding.of(bands[-SPAN_FRAMES:])
        vector: NDArray[np.float32] = vectors_of(self._embeddings)[0]
        return vector


class TaughtScorer:
    """The network's posteriors, then the user words' scores; it remembers what came before, as a stream does.

    The posteriors then sum to more than one: a user word is no share of them, and changes them only where it is heard
    and the vector tells the two apart; an adapted one changes its own posterior alone.

    Parameters
    ----------
    network : run on every window
    embedding : run on every hop
    words : the taught ones
    outputs : label of the network -> which of its outputs it is
    """

    def __init__(self, network: Scorer, embedding: Embedding, words: TaughtWords, outputs: Mapping[str, int]) -> None:
        self._network, self._vectors, self._words = network, StreamVectors(embedding), words
        self._silence = outputs[SILENCE]
        self._outputs = [outputs[word] for word in words.network_words]
        # An adapted word must not speak against itself.
        self._rivals = [[i for i, word in enumerate(words.network_words) if word != name] for name in words.names]
        self._adapted = {i: outputs[name] for i, name in enumerate(words.names) if name in words.adapted}
        self._user = [i for i, name in enumerate(words.names) if name not in words.adapted]
        self._recent: deque[tuple[Numbers, Numbers, Numbers, float]] = deque(maxlen=HOLD_HOPS + CLAIM_HOPS + 1)

    def score(self, features: Features, bands: Features, follows: bool) -> Heard:
        """Score one hop.

        Parameters
        ----------
        features : float32 (n_frames, n_mfcc), of the network's window
        bands, follows : see `StreamVectors.next`
        """
        network = self._network.score(features, follows)
        posteriors = network.posteriors
        vector = self._vectors.next(bands, follows)
        if not follows:
            self._recent.clear()
        # Each is a product of its own: that of a matrix may add in another order once there is a word more.
        own = np.array([np.dot(weights, vector) for weights in self._words.weights])
        self._recent.append(
            (own, self._words.network_weights @ vector, posteriors[self._outputs], posteriors[self._silence])
        )
        products, network_products, said, silence = map(np.array, zip(*self._recent, strict=True))
        heard = posteriors.copy()
        scores = np.zeros(len(self._words.names), np.float32)
        for i, rivals in enumerate(self._rivals):
            bias = float(self._words.biases[i])
            logits, nearer = contest(products[:, i], bias, network_products[:, rivals], said[:, rivals], silence)
            scores[i] = logistic(logits[-1])
            if i in self._adapted:
                heard[self._adapted[i]] = max(heard[self._adapted[i]], scores[i])
            elif logits[-1] > 0:
                further = [self._outputs[j] for j, yes in zip(rivals, nearer[-1], strict=True) if yes]
                heard[further] *= 1 - scores[i]
        return Heard(np.concatenate((heard, scores[self._user])), network.opinions)
