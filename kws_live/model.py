"""A model folder: card, network, mel filters; and the runtimes that run the network.

A folder holds ``card.json`` and the files it names with their SHA-256. The card says how the features are
made, so that training and listening cannot disagree.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from kws_live.array_file import read_array
from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Samples
from kws_live.decision import SILENCE as SILENCE
from kws_live.errors import ModelError
from kws_live.features import FeatureExtractor, Features, FeatureSettings
from kws_live.model_folders import CARD_NAME as CARD_NAME
from kws_live.model_folders import GROUP as GROUP
from kws_live.model_folders import find_model as find_model
from kws_live.model_folders import first_line
from kws_live.model_folders import shipped_models as shipped_models
from kws_live.model_folders import shipped_models_folder as shipped_models_folder
from kws_live.model_folders import user_models as user_models
from kws_live.native_output import quiet_stderr
from kws_live.rolling_features import RollingFeatures
from kws_live.saving import write_file
from kws_live.taught_words import EMBEDDING_NAME, EMBEDDING_SIZE, WORDS_NAME, TaughtScorer, TaughtWords

Posteriors = NDArray[np.float32]
"""Every label's probability, shape (n_labels,), summing to 1; taught words' scores come on top."""

StreamScorer = Callable[[Samples, bool], Posteriors]
"""Scores the window that a stretch of samples begins with; what comes after it has been read ahead. The second argument
says whether it is the window scored last, moved on by one step."""

Runtime = Literal["litert", "tensorflow"]

CARD_FORMAT: Final = 1
LITERT_NAME: Final = "model.tflite"
KERAS_NAME: Final = "model.keras"
FILTERS_NAME: Final = "mel_filters.npy"
UNKNOWN: Final = "_unknown_"
DEFAULT_MODEL: Final = "commands-12"
LARGEST_FILE_BYTES: Final = 256 * 2**20


@dataclass(frozen=True)
class ModelCard:
    """What a model is, as JSON beside it.

    Attributes
    ----------
    name, description, licence : for people
    labels : the outputs of the network, in order
    keywords : the labels that may fire; the others (unknown words, silence) never do
    features : how the input is made
    thresholds : recommended threshold of each keyword, chosen on validation data
    data : what it was trained on, each with name, licence and address
    figures : what was measured, with the data it was measured on
    files : file name -> SHA-256 in hexadecimal digits
    longest_word_seconds : in command mode, longer utterances are no word of this model
    """

    name: str
    description: str
    licence: str
    labels: tuple[str, ...]
    keywords: tuple[str, ...]
    features: FeatureSettings
    thresholds: Mapping[str, float]
    data: tuple[Mapping[str, str], ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = CARD_FORMAT
    longest_word_seconds: float = 1.1

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise ModelError(f"model {self.name!r}: labels must be present and differ from each other")
        if unknown := [word for word in self.keywords if word not in self.labels]:
            raise ModelError(f"model {self.name!r}: keywords {', '.join(unknown)} are not among its labels")
        if not self.keywords or set(self.thresholds) != set(self.keywords):
            raise ModelError(f"model {self.name!r}: every keyword needs a threshold, and nothing else")
        if any(not 0 < value <= 1 for value in self.thresholds.values()):
            raise ModelError(f"model {self.name!r}: thresholds must be above 0 and at most 1")
        if not 0.1 <= self.longest_word_seconds <= 3:
            raise ModelError(f"model {self.name!r}: longest_word_seconds must be 0.1 to 3")
        if self.features.sample_rate_hz not in (SAMPLE_RATE_HZ, SPEECH_RATE_HZ):
            raise ModelError(
                f"model {self.name!r}: features at {self.features.sample_rate_hz} Hz; "
                f"the live path has {SAMPLE_RATE_HZ} and {SPEECH_RATE_HZ} Hz"
            )

    @classmethod
    def from_json(cls, text: str, where: str) -> "ModelCard":
        """Parse a card; anything unexpected is a ModelError that names ``where``."""
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{where} is not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise ModelError(f"{where} must hold one JSON object")
        if raw.get("format") != CARD_FORMAT:
            raise ModelError(f"{where} has format {raw.get('format')!r}; this version reads format {CARD_FORMAT}")
        known = {item.name for item in fields(cls)}
        if strange := sorted(set(raw) - known):
            raise ModelError(f"{where} has unknown keys: {', '.join(strange)}")
        try:
            return cls(
                **{
                    **raw,
                    "labels": tuple(map(str, raw["labels"])),
                    "keywords": tuple(map(str, raw["keywords"])),
                    "features": FeatureSettings.from_dict(raw["features"]),
                    "thresholds": {str(word): float(value) for word, value in raw["thresholds"].items()},
                    "data": tuple(dict(item) for item in raw.get("data", ())),
                    "files": dict(raw.get("files", {}).items()),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"{where} cannot be used: {type(error).__name__}: {error}") from error

    def to_json(self) -> str:
        """The card as indented JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


class Scorer(Protocol):
    """Runs the network."""

    def score(self, features: Features) -> Posteriors:
        """Posteriors of one window: float32 (n_frames, n_mfcc) -> float32 (n_labels,)."""


class LiteRtScorer:
    """A network on LiteRT, one thread.

    Parameters
    ----------
    content : the LiteRT file
    card : of its model
    n_outputs : of the network; None: one for each label

    Raises
    ------
    ModelError
        If the bytes are no LiteRT model, or its shapes are not the card's.
    """

    def __init__(self, content: bytes, card: ModelCard, n_outputs: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter  # half of a second start is this import

        try:
            with quiet_stderr():
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelError(f"model {card.name!r}: LiteRT cannot load the network: {first_line(error)}") from error
        expected = len(card.labels) if n_outputs is None else n_outputs
        n_inputs, n_found = int(np.prod(self._input["shape"])), int(np.prod(self._output["shape"]))
        if n_inputs != card.features.n_frames * card.features.n_mfcc or n_found != expected:
            raise ModelError(
                f"model {card.name!r}: the network maps {n_inputs} values to {n_found}; the card says "
                f"{card.features.n_frames} x {card.features.n_mfcc} and {expected} labels"
            )

    def score(self, features: Features) -> Posteriors:
        self._interpreter.set_tensor(self._input["index"], features.reshape(self._input["shape"]))
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output["index"])).reshape(-1)


class TensorFlowScorer:
    """The Keras model through ``tf.function``, to compare; needs the ``train`` extra and seconds to start."""

    def __init__(self, path: Path, card: ModelCard) -> None:
        if not path.is_file():
            raise ModelError(f"model {card.name!r} has no {path.name}, which runtime tensorflow needs; use litert")
        try:
            import keras
            import tensorflow as tf
        except ImportError as error:
            raise ModelError('runtime "tensorflow" needs TensorFlow: pip install "kws-live[train]"') from error
        try:
            network = keras.models.load_model(path, compile=False)
            self._shape = (1, *network.input_shape[1:])
        except Exception as error:  # Keras raises whatever the file makes it raise
            raise ModelError(f"model {card.name!r}: Keras cannot load {path.name}: {first_line(error)}") from error
        self._call = tf.function(lambda x: network(x, training=False), input_signature=[tf.TensorSpec(self._shape)])

    def score(self, features: Features) -> Posteriors:
        return np.asarray(self._call(features.reshape(self._shape))).reshape(-1)


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
            bank = read_array(_read(self.folder / FILTERS_NAME, LARGEST_FILE_BYTES)).astype(np.float32)
        except ValueError as error:
            raise ModelError(f"model {self.card.name!r}: cannot read {FILTERS_NAME}: {error}") from error
        return FeatureExtractor(self.card.features, bank)

    @cached_property
    def taught(self) -> TaughtWords | None:
        """The words its user has taught it; None without any."""
        if WORDS_NAME not in self.card.files:
            return None
        path = self.folder / WORDS_NAME
        words = TaughtWords.from_bytes(_read(path, LARGEST_FILE_BYTES), str(path))
        for weights in (words.weights, words.known_weights):
            if weights.shape[1] != EMBEDDING_SIZE:
                raise ModelError(f"{path} has {weights.shape[1]} numbers a word; the embedding gives {EMBEDDING_SIZE}")
        n_own = len(self.card.labels) - len(words.beside)
        if self.card.labels[n_own:] != words.beside or not words.personal <= set(self.card.labels[:n_own]):
            raise ModelError(f"{path} holds {', '.join(words.names)}; the labels of the card are others")
        return words

    def scorer(self, runtime: Runtime = "litert") -> Scorer:
        """A new scorer of every label; each thread needs its own."""
        base = self.base_scorer(runtime)
        if not self.taught:
            return base
        silence = self.card.labels.index(SILENCE) if SILENCE in self.card.labels else None
        return TaughtScorer(base, self.embedding(), self.taught, self.own_words, silence)

    @property
    def own_words(self) -> dict[str, int]:
        """The network's words and which of its outputs they are; those that were taught beside them come after."""
        beside = self.taught.beside if self.taught else ()
        return {word: i for i, word in enumerate(self.card.labels) if word not in (UNKNOWN, SILENCE, *beside)}

    def base_scorer(self, runtime: Runtime = "litert") -> Scorer:
        """A new scorer of the network's own labels, without taught words."""
        n_own = len(self.card.labels) - (len(self.taught.beside) if self.taught else 0)
        if runtime == "tensorflow":
            if KERAS_NAME not in self.card.files:  # only what is listed was compared with its SHA-256
                raise ModelError(
                    f"model {self.card.name!r} lists no {KERAS_NAME}, which runtime tensorflow needs; use litert"
                )
            return TensorFlowScorer(self.folder / KERAS_NAME, self.card)
        if runtime == "litert":
            return LiteRtScorer(_read(self.folder / LITERT_NAME, LARGEST_FILE_BYTES), self.card, n_own)
        raise ModelError(f'runtime {runtime!r} does not exist; use "litert" or "tensorflow"')

    def embedding(self) -> Scorer:
        """A new runner of the embedding, by which words are taught: float32 (size,), of length one.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if EMBEDDING_NAME not in self.card.files:
            raise ModelError(f"model {self.card.name!r} has no embedding, so it cannot be taught; use {DEFAULT_MODEL}")
        return LiteRtScorer(_read(self.folder / EMBEDDING_NAME, LARGEST_FILE_BYTES), self.card, EMBEDDING_SIZE)

    def stream_scorer(self, step_seconds: float, runtime: Runtime = "litert") -> StreamScorer:
        """A function that scores windows as `posteriors` does, quickest where each is one step after the last."""
        scorer, features = self.scorer(runtime), RollingFeatures(self.extractor, step_seconds)
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
        if hashlib.sha256(_read(path, LARGEST_FILE_BYTES)).hexdigest() != digest:
            raise ModelError(
                f"model {card.name!r}: {name} is not the file the card describes (its SHA-256 differs); "
                "take the model folder again, whole"
            )
    model = Model(folder, card)
    model.taught  # noqa: B018  read now: what is wrong with it is said before anything listens
    return model


def _read(path: Path, largest_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(largest_bytes + 1)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > largest_bytes:
        raise ModelError(f"{path} is larger than {largest_bytes:,} bytes, the most a model may have")
    return content


def write_card(folder: Path, card: ModelCard) -> ModelCard:
    """Write ``card.json`` with the SHA-256 of every file named in ``card.files``; returns the card as written."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(card.files)}
    written = ModelCard(**{**{item.name: getattr(card, item.name) for item in fields(card)}, "files": digests})
    write_file(folder / CARD_NAME, written.to_json())
    return written
