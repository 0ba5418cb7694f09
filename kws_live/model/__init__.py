"""A model folder, checked: card, network, mel filters, taught words.

A folder holds ``card.json`` and the files it names with their SHA-256. The card says how the features are
made, so that training and listening cannot disagree.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SILENCE, UNKNOWN, Samples
from kws_live.errors import ModelError
from kws_live.model.card import ModelCard
from kws_live.model.features import FeatureExtractor
from kws_live.model.folders import CARD_NAME, find_model
from kws_live.model.rolling_features import RollingFeatures
from kws_live.model.scorer import LiteRtScorer, Posteriors, Scorer, StreamScorer
from kws_live.model.taught_words import EMBEDDING_NAME, EMBEDDING_SIZE, WORDS_NAME, TaughtScorer, TaughtWords
from kws_live.system.array_file import read_array
from kws_live.system.text_file import read_bytes

LITERT_NAME: Final = "model.tflite"
KERAS_NAME: Final = "model.keras"
FILTERS_NAME: Final = "mel_filters.npy"
DEFAULT_MODEL: Final = "commands-12"
LARGEST_FILE_BYTES: Final = 256 * 2**20


@dataclass(frozen=True)
class Model:
    """A model folder, checked.

    Attributes
    ----------
    folder : where it lies
    card : what it says of itself
    """

    folder: Path
    card: ModelCard

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """Makes the features this model was trained on."""
        try:
            bank = read_array(_read(self.folder / FILTERS_NAME)).astype(np.float32)
        except ValueError as error:
            raise ModelError(f"model {self.card.name!r}: cannot read {FILTERS_NAME}: {error}") from error
        return FeatureExtractor(self.card.features, bank)

    @cached_property
    def taught(self) -> TaughtWords | None:
        """The words its user has taught it; None without any."""
        if WORDS_NAME not in self.card.files:
            return None
        path = self.folder / WORDS_NAME
        words = TaughtWords.from_bytes(_read(path), str(path))
        for weights in (words.weights, words.known_weights):
            if weights.shape[1] != EMBEDDING_SIZE:
                raise ModelError(f"{path} has {weights.shape[1]} numbers a word; the embedding gives {EMBEDDING_SIZE}")
        n_own = len(self.card.labels) - len(words.beside)
        if self.card.labels[n_own:] != words.beside or not words.personal <= set(self.card.labels[:n_own]):
            raise ModelError(f"{path} holds {', '.join(words.names)}; the labels of the card are others")
        return words

    def scorer(self) -> Scorer:
        """A new scorer of every label; each thread needs its own."""
        base = self.base_scorer()
        if not self.taught:
            return base
        silence = self.card.labels.index(SILENCE) if SILENCE in self.card.labels else None
        return TaughtScorer(base, self.embedding(), self.taught, self.own_words, silence)

    @property
    def own_words(self) -> dict[str, int]:
        """The network's words and which of its outputs they are; those that were taught beside them come after."""
        beside = self.taught.beside if self.taught else ()
        return {word: i for i, word in enumerate(self.card.labels) if word not in (UNKNOWN, SILENCE, *beside)}

    def base_scorer(self) -> Scorer:
        """A new scorer of the network's own labels, without taught words."""
        n_own = len(self.card.labels) - (len(self.taught.beside) if self.taught else 0)
        return LiteRtScorer(_read(self.folder / LITERT_NAME), self.card, n_own)

    def embedding(self) -> Scorer:
        """A new runner of the embedding, by which words are taught: float32 (size,), of length one.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if EMBEDDING_NAME not in self.card.files:
            raise ModelError(f"model {self.card.name!r} has no embedding, so it cannot be taught; use {DEFAULT_MODEL}")
        return LiteRtScorer(_read(self.folder / EMBEDDING_NAME), self.card, EMBEDDING_SIZE)

    def stream_scorer(self, step_seconds: float) -> StreamScorer:
        """A function that scores windows as `posteriors` does, quickest where each is one step after the last."""
        scorer, features = self.scorer(), RollingFeatures(self.extractor, step_seconds)
        return lambda stream, follows: scorer.score(features.mfcc(stream, follows))

    def posteriors(self, scorer: Scorer, window: Samples) -> Posteriors:
        """Score one window, float32 (n_samples,) at the features' own rate."""
        return scorer.score(self.extractor.mfcc(window))


def load_model(name_or_path: str | Path = DEFAULT_MODEL) -> Model:
    """Open a shipped model by name, or a model folder by path, and check every file against the card.

    Raises
    ------
    ModelError
        If there is no such model, or its card or files cannot be used.
    """
    folder = find_model(name_or_path)
    card_path = folder / CARD_NAME
    if not card_path.is_file():
        raise ModelError(f"{folder} has no {CARD_NAME}, so it is no model folder; list models with: kws-live models")
    card = ModelCard.from_json(_read(card_path, 2**20).decode("utf-8", "replace"), str(card_path))
    for name in (LITERT_NAME, FILTERS_NAME):
        if name not in card.files:
            raise ModelError(f"{card_path} does not list {name} under files")
    for name, digest in card.files.items():
        path = folder / name
        if Path(name).name != name or name in (".", ".."):
            raise ModelError(f"{card_path} names {name!r}; files must lie in the model folder itself")
        if not path.is_file():
            raise ModelError(f"model {card.name!r}: {path} is missing; take the model folder again, whole")
        if hashlib.sha256(_read(path)).hexdigest() != digest:
            raise ModelError(
                f"model {card.name!r}: {name} is not the file the card describes (its SHA-256 differs); "
                "take the model folder again, whole"
            )
    model = Model(folder, card)
    model.taught  # noqa: B018  read now: what is wrong with it is said before anything listens
    return model


def _read(path: Path, largest_bytes: int = LARGEST_FILE_BYTES) -> bytes:
    return read_bytes(path, "model file", error=ModelError, largest_bytes=largest_bytes)
