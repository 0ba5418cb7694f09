"""Words taught by a user, stored in a model folder, and how they are scored in addition to the network's words.

`kws_live.model.speech_embedding` turns each hop into 96 numbers. The last eight hops, 1.3 s, make one vector of length
one, and each taught word is a weight vector and a bias: its score is the logistic function of their product with it,
reduced by the network's evidence for one of its own words or for silence, held for two hops. The network does not know
the taught words, and mistakes one for a similar word of its own ("joke": "go"). So the network's words have
weight vectors too, and if the vector is more similar to the taught word, only that word scores. Taught words are
independent of each other: removing one restores exactly the scores from before it was taught.

User words are separate labels, after the network's. An adapted word is one of the network's words, taught again: its
score is the higher of the network's and the taught one.
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
"""Number of embeddings from which a word is scored."""

VECTOR_SIZE: Final = SPAN_HOPS * EMBEDDING_SIZE
SPAN_FRAMES: Final = SEEN_FRAMES + (SPAN_HOPS - 1) * STEP_FRAMES
SPAN_SECONDS: Final = 17 * HOP_SECONDS
"""A whole number of hops that covers these frames."""

HOLD_HOPS: Final = 2
"""Hops for which a score is held, because well-aligned windows are fewer than the decision needs."""

CLAIM_HOPS: Final = 4
"""Hops for which the network's posteriors are held, because the vector reaches back further than its window."""

LEAST_LEFT: Final = 1e-3
"""Minimum factor for the odds of a taught word when the network is sure of one of its own words."""

NEARER: Final = 2.0
"""Margin by which the product with a taught word's weights must exceed that of a network word, to overrule the
network on that word."""

Numbers = NDArray[np.floating]
Kind = TypeVar("Kind", bound=np.generic)


class Embedding(Protocol):
    """Computes embeddings from a stream's bands, like `kws_live.model.speech_embedding.SpeechEmbedding`."""

    def step(self, bands: Features) -> NDArray[np.float32]:
        """Return the embedding after the next `STEP_FRAMES`, shape (EMBEDDING_SIZE,)."""

    def of(self, bands: Features) -> NDArray[np.float32]:
        """Return the embeddings of a new stretch, one every `STEP_FRAMES`, shape (n, EMBEDDING_SIZE)."""


@dataclass(frozen=True, eq=False)
class TaughtWords:
    """The content of ``words.npz``.

    Attributes
    ----------
    names : the words, in the order of the scores
    weights : float32 (n_words, VECTOR_SIZE)
    biases : float32 (n_words,)
    network_words : the network's words
    network_weights : float32 (n_network_words, VECTOR_SIZE)
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
            raise ModelError(f"{WORDS_NAME} contains NaN or infinite weights")

    @property
    def user_words(self) -> tuple[str, ...]:
        """The words that the network does not have: separate labels, after its labels."""
        return tuple(name for name in self.names if name not in self.adapted)

    def to_bytes(self) -> bytes:
        """Return the content of ``words.npz``."""
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
        """Parse the content of ``words.npz``.

        Raises
        ------
        ModelError
            If it cannot be used; `OutdatedWordsError` if it was written by an earlier version.
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
    """Return the vectors from which words are scored: `SPAN_HOPS` consecutive embeddings, normalised to length one.

    Parameters
    ----------
    embeddings : (n_hops, EMBEDDING_SIZE), of consecutive hops

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
    """Score a taught word against the network's words, in consecutive hops.

    Parameters
    ----------
    products : (n_hops,), of the vectors and the taught word's weights
    bias : of the taught word
    network_products : (n_hops, n_words), of the vectors and the network's words' weights
    said : (n_hops, n_words), the network's posteriors of its words
    silence : (n_hops,), its posterior of silence, which includes all sound without a voice

    Returns
    -------
    tuple of two arrays
        The logits of the taught word's score, shape (n_hops,), and which of the network's words are less similar than
        it: bool, shape (n_hops, n_words); both held.
    """
    nearer = products[:, np.newaxis] >= network_products + NEARER
    claimed = np.where(nearer, 0.0, held(said, CLAIM_HOPS)).max(axis=1, initial=0.0)
    # The network was trained on thousands of voices, a taught word on a few, so the network takes precedence.
    logits = products + bias + np.log(np.maximum((1 - claimed) * (1 - silence), LEAST_LEFT))
    return held(logits, HOLD_HOPS), held(nearer, HOLD_HOPS)


def held(values: NDArray[Kind], n_hops: int) -> NDArray[Kind]:
    """Return the running maximum over each hop and the ``n_hops`` before it."""
    n = len(values)
    return np.asarray(np.max([values[np.maximum(np.arange(n) - back, 0)] for back in range(n_hops + 1)], axis=0))


class StreamVectors:
    """The vector of each hop of a stream; only new audio is embedded.

    Parameters
    ----------
    embedding : run on every hop
    """

    def __init__(self, embedding: Embedding) -> None:
        self._embedding = embedding
        self._embeddings = np.zeros((0, EMBEDDING_SIZE), np.float32)

    def next(self, bands: Features, follows: bool) -> NDArray[np.float32]:
        """Return the vector of a hop, shape (VECTOR_SIZE,).

        Parameters
        ----------
        bands : float32 (at least SPAN_FRAMES, N_BANDS), up to the end of the hop
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
    """Computes the network's posteriors and the user words' scores for a stream; it has state.

    Together they sum to more than one: a user word is not part of the posteriors, and changes them only where it scores
    and the vector distinguishes the two; an adapted word changes only its own posterior.

    Parameters
    ----------
    network : run on every window
    embedding : run on every hop
    words : the taught words
    outputs : label of the network -> index of its output
    """

    def __init__(self, network: Scorer, embedding: Embedding, words: TaughtWords, outputs: Mapping[str, int]) -> None:
        self._network, self._vectors, self._words = network, StreamVectors(embedding), words
        self._silence = outputs[SILENCE]
        self._outputs = [outputs[word] for word in words.network_words]
        # An adapted word must not compete with itself.
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
        # Separate products: that of a matrix may sum in a different order when there is another word.
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
