"""Words of a user's own in a model folder: how each is scored, beside the network's own words.

An embedding network (``embedding.tflite``) turns the same window into a vector of length one. Each taught word is a
weight vector and a bias: its score is the logistic function of their product with it, less what speaks for a word of
the network's own or for silence. The network knows nothing of taught words, and calls one that is like a word of its
own by that name ("joke": "go"). So the network's words have weight vectors too, and where the embedding lies nearer to
the taught word it speaks for that word alone. Taught words know nothing of each other: when one is taken away,
everything is as if it had never been taught, bit for bit.

A personal word is one of the network's own, taught again in one voice: it scores what the network gives it or what its
takes do, whichever is more.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.errors import ModelError
from kws_live.model.features import Features
from kws_live.model.scorer import Scorer
from kws_live.system.array_file import read_arrays

WORDS_NAME: Final = "words.npz"
TAKES_NAME: Final = "takes.npz"
EMBEDDING_NAME: Final = "embedding.tflite"
EMBEDDING_KERAS_NAME: Final = "embedding.keras"
BANK_NAME: Final = "negatives.npz"
FORMAT: Final = 1
EMBEDDING_SIZE: Final = 64
KNOWN_WEIGHT: Final = 4.0
"""Taken off a taught word's logit where the network is sure of a word of its own, or that nobody speaks: it was trained
with thousands of voices and noises, a taught word with a few."""

NEARER: Final = 0.6
"""So much higher must the product with a taught word's weights be than that with a word's of the network's own, for the
network to be wrong about that word. A taught word then costs 0.1 points of the network's own words, at 0.9 half of
that, at 0.3 half as much again (scripts/train_embedding prints it: validation clips, five takes)."""

Numbers = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class TaughtWords:
    """What ``words.npz`` holds.

    Attributes
    ----------
    names : the words, in the order of the scores
    weights : float32 (n_words, size)
    biases : float32 (n_words,)
    personal : those of them that are words of the network's own
    known : words of the network's own that have weights, too
    known_weights : float32 (n_known, size), of them
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    personal: frozenset[str] = frozenset()
    known: tuple[str, ...] = ()
    known_weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, EMBEDDING_SIZE), np.float32))

    def __post_init__(self) -> None:
        n = len(self.names)
        if self.weights.ndim != 2 or self.weights.shape[0] != n or self.biases.shape != (n,):
            raise ModelError(f"{WORDS_NAME}: {n} words, but weights {self.weights.shape}, biases {self.biases.shape}")
        if self.known_weights.ndim != 2 or len(self.known_weights) != len(self.known):
            raise ModelError(f"{WORDS_NAME}: {len(self.known)} known words, but weights {self.known_weights.shape}")
        if not all(np.isfinite(part).all() for part in (self.weights, self.biases, self.known_weights)):
            raise ModelError(f"{WORDS_NAME} holds weights that are not numbers")

    @property
    def beside(self) -> tuple[str, ...]:
        """Those that the network does not know: labels of their own, after its labels."""
        return tuple(name for name in self.names if name not in self.personal)

    def to_bytes(self) -> bytes:
        """The content of ``words.npz``."""
        buffer = io.BytesIO()
        personal = np.array([name in self.personal for name in self.names])
        np.savez(
            buffer,
            format=FORMAT,
            names=np.array(self.names),
            weights=self.weights,
            biases=self.biases,
            personal=personal,
            known=np.array(self.known, dtype=np.str_),
            known_weights=self.known_weights,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> "TaughtWords":
        """Parse it.

        Raises
        ------
        ModelError
            If it cannot be used.
        """
        try:
            stored = read_arrays(content)
            if int(stored["format"]) != FORMAT:
                raise ValueError(f"format {int(stored['format'])}; this version reads format {FORMAT}")
            names = tuple(str(name) for name in stored["names"])
            weights, biases = (np.asarray(stored[key], dtype=np.float32) for key in ("weights", "biases"))
            is_personal = stored["personal"].tolist() if "personal" in stored else [False] * len(names)
            personal = frozenset(name for name, yes in zip(names, is_personal, strict=True) if yes)
            known = tuple(stored["known"].tolist()) if "known" in stored else ()
            of_known = [stored["known_weights"].astype(np.float32)] if "known" in stored else []
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{where} cannot be used: {error}; teach the words again") from error
        return cls(names, weights, biases, personal, known, *of_known)


def contest(
    product: Numbers, bias: float, known_products: Numbers, said: Numbers, silence: Numbers
) -> tuple[Numbers, NDArray[np.bool_]]:
    """One taught word against words of the network's own, in one window or in many.

    Parameters
    ----------
    product : (...), of the embedding and the taught word's weights
    bias : the taught word's
    known_products : (..., n_known), of the embedding and the known words' weights; inf where a word has none
    said : (..., n_known), the network's posteriors of them
    silence : (...), its posterior of silence

    Returns
    -------
    tuple of two arrays
        The logit of the taught word's score, shape (...), and which known words must give way to it, because the
        embedding is nearer to it and its score is above one half: bool, shape (..., n_known).
    """
    nearer = np.subtract(product, NEARER)[..., np.newaxis] >= known_products
    known = np.maximum(np.where(nearer, 0.0, said).max(axis=-1, initial=0.0), silence)
    logits = product + bias - KNOWN_WEIGHT * known
    return logits, nearer & (np.asarray(logits) > 0)[..., np.newaxis]


def logistic(logits: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))))


class TaughtScorer:
    """The base network's posteriors, then the taught words' scores.

    The posteriors then sum to more than one: a taught word is beside the others, which are not changed by it but where
    it is heard and the embedding tells the two apart; a personal one changes its own posterior alone.

    Parameters
    ----------
    base, embedding : run on every window
    words : the taught ones
    own : word of the network's own -> which of the base's outputs it is
    silence : which of them is silence's; None: it has none
    """

    def __init__(
        self,
        base: Scorer,
        embedding: Scorer,
        words: TaughtWords,
        own: Mapping[str, int],
        silence: int | None = None,
    ) -> None:
        self._base, self._embedding, self._words = base, embedding, words
        self._silence = silence
        # A personal word must not speak against itself.
        rivals = [[word for word in own if word != name] for name in words.names]
        self._outputs = [[own[word] for word in others] for others in rivals]
        self._known = [[words.known.index(word) if word in words.known else -1 for word in others] for others in rivals]
        self._personal = [i for i, name in enumerate(words.names) if name in words.personal]
        self._beside = [i for i, name in enumerate(words.names) if name not in words.personal]
        self._places = [own[words.names[i]] for i in self._personal]

    def score(self, features: Features) -> NDArray[np.float32]:
        posteriors = self._base.score(features)
        embedding = self._embedding.score(features)
        silence = np.asarray(0.0 if self._silence is None else posteriors[self._silence], dtype=np.float32)
        # The last one stands for words without weights: nothing is nearer than they are.
        known = np.append(self._words.known_weights @ embedding, np.float32(np.inf))
        heard = posteriors.copy()
        scores = np.zeros(len(self._words.names), np.float32)
        for i, (weights, bias) in enumerate(zip(self._words.weights, self._words.biases, strict=True)):
            outputs = self._outputs[i]
            # Each is a product of its own: that of a matrix may add in another order once there is a word more.
            logit, gives_way = contest(
                np.dot(weights, embedding), bias, known[self._known[i]], posteriors[outputs], silence
            )
            scores[i] = logistic(logit)
            if i not in self._personal:
                heard[outputs] *= 1 - scores[i] * gives_way
        heard[self._places] = np.maximum(heard[self._places], scores[self._personal])
        return np.concatenate((heard, scores[self._beside]))
