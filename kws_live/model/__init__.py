"""Model folders: card, networks, mel filters, taught words, all verified.

A folder contains ``card.json`` and the files listed in it with their SHA-256. The card defines the features,
so that training and listening cannot differ.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SILENCE, UNKNOWN, WINDOW_SECONDS, Samples
from kws_live.errors import ModelError
from kws_live.model.card import LITERT_NAME, VERIFIER_NAME, ModelCard
from kws_live.model.features import FeatureExtractor, Features
from kws_live.model.folders import CARD_NAME, find_model
from kws_live.model.rolling_features import RollingFeatures
from kws_live.model.scorer import LiteRtScorer, Posteriors, Scorer, StreamScorer, VerifiedScorer
from kws_live.model.speech_embedding import EMBEDDING_NAME, SpeechEmbedding, fits, speech_bands
from kws_live.model.taught_words import SPAN_SECONDS, WORDS_NAME, TaughtScorer, TaughtWords
from kws_live.spotting.verdict import Heard
from kws_live.system.array_file import read_array
from kws_live.system.text_file import read_bytes

KERAS_NAME: Final = "model.keras"
FILTERS_NAME: Final = "mel_filters.npy"
DEFAULT_MODEL: Final = "commands-12"
LARGEST_FILE_BYTES: Final = 256 * 2**20


@dataclass(frozen=True)
class Model:
    """A verified model folder.

    Attributes
    ----------
    folder : its path
    card : its card
    """

    folder: Path
    card: ModelCard

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """Computes the features this model was trained on."""
        try:
            bank = read_array(_read(self.folder / FILTERS_NAME)).astype(np.float32)
        except ValueError as error:
            raise ModelError(f"model {self.card.name!r}: cannot read {FILTERS_NAME}: {error}") from error
        return FeatureExtractor(self.card.features, bank)

    @cached_property
    def taught(self) -> TaughtWords | None:
        """The taught words; None if there are none."""
        if WORDS_NAME not in self.card.files:
            return None
        path = self.folder / WORDS_NAME
        words = TaughtWords.from_bytes(_read(path), str(path))
        n_network = len(self.card.labels) - len(words.user_words)
        if self.card.labels[n_network:] != words.user_words or not words.adapted <= set(self.card.labels[:n_network]):
            raise ModelError(f"{path} contains {', '.join(words.names)}, which do not match the labels of the card")
        return words

    @property
    def network_labels(self) -> tuple[str, ...]:
        """The network's outputs; in the card's labels the user words come after them."""
        n_user = len(self.taught.user_words) if self.taught else 0
        return self.card.labels[: len(self.card.labels) - n_user]

    @property
    def network_words(self) -> dict[str, int]:
        """The network's words and the indices of their outputs."""
        return {word: i for i, word in enumerate(self.network_labels) if word not in (UNKNOWN, SILENCE)}

    @property
    def window_seconds(self) -> float:
        """Length of audio scored at a time: the network's window, or the longer span of taught words."""
        return SPAN_SECONDS if self.taught else WINDOW_SECONDS

    def scorer(self) -> Scorer:
        """Return a new scorer for the network's labels; each thread needs its own."""
        first = self._runner(LITERT_NAME)
        if VERIFIER_NAME not in self.card.files:
            return first
        words = tuple(self.network_words.values())
        return VerifiedScorer(first, self._runner(VERIFIER_NAME), words, self.card.verifier_bar)

    def _runner(self, name: str) -> LiteRtScorer:
        return LiteRtScorer(_read(self.folder / name), self.card, len(self.network_labels))

    def embedding(self) -> SpeechEmbedding:
        """Return a new instance of the embedding for taught words; each stream needs its own.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if EMBEDDING_NAME not in self.card.files or not fits(self.card.features):
            raise ModelError(f"model {self.card.name!r} has no embedding, so it cannot be taught; use {DEFAULT_MODEL}")
        path = self.folder / EMBEDDING_NAME
        return SpeechEmbedding(_read(path), str(path))

    def rows(self, window: Samples) -> Features:
        """Return both features of one spectrum: each frame's MFCC, then the embedding's bands.

        Parameters
        ----------
        window : float32 (..., n_samples), as for `FeatureExtractor.power`

        Returns
        -------
        float32 array, shape (..., n_frames, n_mfcc + N_BANDS)
        """
        power = self.extractor.power(window)
        return np.concatenate((self.extractor.mfcc_of(power), speech_bands(power, self.card.features)), axis=-1)

    def stream_scorer(self, step_seconds: float) -> StreamScorer:
        """Return a scorer of windows of `window_seconds`, which is fastest if each window advances by one step."""
        settings, scorer = self.card.features, self.scorer()
        if self.taught is None:
            mfcc = RollingFeatures(settings, self.extractor.mfcc, settings.window_samples, step_seconds)
            return lambda stream, follows: scorer.score(mfcc.rows(stream, follows), follows)
        both = RollingFeatures(settings, self.rows, round(SPAN_SECONDS * settings.sample_rate_hz), step_seconds)
        outputs = {label: place for place, label in enumerate(self.network_labels)}
        taught = TaughtScorer(scorer, self.embedding(), self.taught, outputs)

        def score(stream: Samples, follows: bool) -> Heard:
            rows = both.rows(stream, follows)
            mfcc, bands = rows[-settings.n_frames :, : settings.n_mfcc], rows[:, settings.n_mfcc :]
            return taught.score(mfcc, bands, follows)

        return score

    def posteriors(self, score: StreamScorer, window: Samples) -> Posteriors:
        """Score one second, float32 (n_samples,) at the rate of the features, with silence before it."""
        missing = round((self.window_seconds - WINDOW_SECONDS) * self.card.features.sample_rate_hz)
        return score(np.pad(window, (missing, 0)), False).posteriors


def load_model(name_or_path: str | Path = DEFAULT_MODEL) -> Model:
    """Open a shipped model by name, or a model folder by path, and verify every file against the card.

    Raises
    ------
    ModelError
        If there is no such model, or its card or files cannot be used.
    """
    folder = find_model(name_or_path)
    card_path = folder / CARD_NAME
    if not card_path.is_file():
        raise ModelError(f"{folder} has no {CARD_NAME}, so it is not a model folder; list models with: kws-live models")
    card = ModelCard.from_json(_read(card_path, 2**20).decode("utf-8", "replace"), str(card_path))
    for name in (LITERT_NAME, FILTERS_NAME):
        if name not in card.files:
            raise ModelError(f"{card_path} does not list {name} under files")
    for name, digest in card.files.items():
        path = folder / name
        if Path(name).name != name or name in (".", ".."):
            raise ModelError(f"{card_path} lists {name!r}; files must be in the model folder itself")
        if not path.is_file():
            raise ModelError(f"model {card.name!r}: {path} is missing; get a complete copy of the model folder")
        if hashlib.sha256(_read(path)).hexdigest() != digest:
            raise ModelError(
                f"model {card.name!r}: {name} is not the file the card describes (its SHA-256 differs); "
                "get a complete copy of the model folder"
            )
    model = Model(folder, card)
    model.taught  # noqa: B018  read now, so that errors are raised before listening starts
    return model


def _read(path: Path, largest_bytes: int = LARGEST_FILE_BYTES) -> bytes:
    return read_bytes(path, "model file", error=ModelError, largest_bytes=largest_bytes)
