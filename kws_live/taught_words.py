"""Words of a user's own in a model folder: how each is scored, beside the network's own words.

An embedding network (``embedding.tflite``) turns the same window into a vector of length one. Each taught word is a
weight vector and a bias: its score is the logistic function of their product with it, less what speaks for a word of
the network's own or for silence. Taught words know nothing of each other, so one can be added or taken away and every
other score stays what it was, bit for bit.

A personal word is one of the network's own, taught again in one voice: it scores what the network gives it or what its
takes do, whichever is more.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kws_live.errors import ModelError
from kws_live.features import Features

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


Embedding = NDArray[np.float32]
"""One window, float32 (size,), of length one."""


class Network(Protocol):
    """Anything that maps one window to numbers."""

    def score(self, features: Features) -> NDArray[np.float32]:
        """float32 (n_frames, n_mfcc) -> float32 (n,)."""


@dataclass(frozen=True, eq=False)
class TaughtWords:
    """What ``words.npz`` holds.

    Attributes
    ----------
    names : the words, in the order of the scores
    weights : float32 (n_words, size)
    biases : float32 (n_words,)
    personal : those of them that are words of the network's own
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    personal: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        n = len(self.names)
        if self.weights.ndim != 2 or self.weights.shape[0] != n or self.biases.shape != (n,):
            raise ModelError(f"{WORDS_NAME}: {n} words, but weights {self.weights.shape}, biases {self.biases.shape}")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.biases).all()):
            raise ModelError(f"{WORDS_NAME} holds weights that are not numbers")

    @property
    def beside(self) -> tuple[str, ...]:
        """Those that the network does not know: labels of their own, after its labels."""
        return tuple(name for name in self.names if name not in self.personal)

    def scores(self, embedding: Embedding, known: float | Sequence[float]) -> NDArray[np.float32]:
        """Every word's score, 0 to 1, shape (n_words,).

        Parameters
        ----------
        embedding : of the window
        known : the highest posterior of the network's own words and of silence; for each word, where that differs
        """
        # Each is a sum of its own: a matrix product may add in another order once there is a word more.
        logits = np.array(
            [
                float(np.dot(w, embedding)) + float(b) - KNOWN_WEIGHT * float(k)
                for w, b, k in zip(self.weights, self.biases, np.broadcast_to(known, len(self.names)), strict=True)
            ]
        )
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), dtype=np.float32)

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
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                if int(stored["format"]) != FORMAT:
                    raise ValueError(f"format {int(stored['format'])}; this version reads format {FORMAT}")
                names = tuple(str(name) for name in stored["names"])
                weights, biases = (np.asarray(stored[key], dtype=np.float32) for key in ("weights", "biases"))
                is_personal = stored["personal"].tolist() if "personal" in stored else [False] * len(names)
                personal = frozenset(name for name, yes in zip(names, is_personal, strict=True) if yes)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise ModelError(f"{where} cannot be used: {error}; teach the words again") from error
        return cls(names, weights, biases, personal)


class TaughtScorer:
    """The base network's posteriors, then the taught words' scores.

    The posteriors then sum to more than one: a taught word is beside the others, which are not changed by it; a
    personal one changes its own posterior alone.

    Parameters
    ----------
    base, embedding : run on every window
    words : the taught ones
    own : word of the network's own -> which of the base's outputs it is
    silence : which of them is silence's; None: it has none
    """

    def __init__(
        self,
        base: Network,
        embedding: Network,
        words: TaughtWords,
        own: Mapping[str, int],
        silence: int | None = None,
    ) -> None:
        self._base, self._embedding, self._words = base, embedding, words
        nobody = [] if silence is None else [silence]
        # A personal word must not speak against itself.
        self._rivals = [[*(i for word, i in own.items() if word != name), *nobody] for name in words.names]
        self._personal = [i for i, name in enumerate(words.names) if name in words.personal]
        self._beside = [i for i, name in enumerate(words.names) if name not in words.personal]
        self._places = [own[words.names[i]] for i in self._personal]

    def score(self, features: Features) -> NDArray[np.float32]:
        posteriors = self._base.score(features)
        known = [float(posteriors[rivals].max(initial=0.0)) for rivals in self._rivals]
        scores = self._words.scores(self._embedding.score(features), known)
        heard = posteriors.copy()
        heard[self._places] = np.maximum(heard[self._places], scores[self._personal])
        return np.concatenate((heard, scores[self._beside]))
