"""Model cards: description, features and files of a model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ
from kws_live.errors import ConfigError, ModelError
from kws_live.model.features import FeatureSettings
from kws_live.model.folders import CARD_NAME
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.saving import write_file

CARD_FORMAT: Final = 1
LITERT_NAME: Final = "model.tflite"
VERIFIER_NAME: Final = "verifier.tflite"


@dataclass(frozen=True)
class ModelCard:
    """Description of a model, stored as JSON next to it.

    Attributes
    ----------
    name, description, licence : as text
    labels : the outputs of the network, in order
    keywords : the labels that can fire; the others (unknown words, silence) never do
    features : the front end
    thresholds : recommended threshold of each keyword, chosen on validation data
    data : training data, each with name, licence and address
    figures : measurements, and their data
    files : file name -> SHA-256, hexadecimal
    longest_word_seconds : in command mode, longer utterances are not words of this model
    settings : other recommended decision settings that differ from the defaults
    verifier_bar : score of a word from which on the second network runs, if there is a ``verifier.tflite``
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
    settings: Mapping[str, Any] = field(default_factory=dict)
    verifier_bar: float = 0.3

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise ModelError(f"model {self.name!r}: labels must be given and distinct")
        if unknown := [word for word in self.keywords if word not in self.labels]:
            raise ModelError(f"model {self.name!r}: keywords {', '.join(unknown)} are not among its labels")
        if not self.keywords or set(self.thresholds) != set(self.keywords):
            raise ModelError(f"model {self.name!r}: every keyword needs a threshold, and nothing else")
        if bad := [f"{value!r} for {word!r}" for word, value in self.thresholds.items() if not 0 < value <= 1]:
            raise ModelError(f"model {self.name!r}: threshold {bad[0]} must be above 0 and at most 1")
        if not 0.1 <= self.longest_word_seconds <= 3:
            raise ModelError(f"model {self.name!r}: longest_word_seconds must be 0.1 to 3")
        if not 0 <= self.verifier_bar <= 1:
            raise ModelError(f"model {self.name!r}: verifier_bar is {self.verifier_bar!r}; it must be 0 to 1")
        try:
            self.decision_settings()
        except ConfigError as error:
            raise ModelError(f"model {self.name!r}: {error}") from error
        if self.features.sample_rate_hz not in (SAMPLE_RATE_HZ, SPEECH_RATE_HZ):
            raise ModelError(
                f"model {self.name!r}: features at {self.features.sample_rate_hz} Hz; "
                f"the live path supports {SAMPLE_RATE_HZ} and {SPEECH_RATE_HZ} Hz"
            )

    def decision_settings(self) -> DecisionSettings:
        """Return the recommended decision settings."""
        usual = DecisionSettings(thresholds=dict(self.thresholds), longest_word_seconds=self.longest_word_seconds)
        return usual.changed(self.settings)

    @property
    def network_sha256(self) -> str:
        """Hash of the network, or of both networks and how they are combined; hexadecimal."""
        first = self.files.get(LITERT_NAME, "")
        if VERIFIER_NAME not in self.files:
            return first
        return hashlib.sha256(f"{first} {self.files[VERIFIER_NAME]} {self.verifier_bar}".encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str, where: str) -> "ModelCard":
        """Parse a card; anything unexpected raises a ModelError that names ``where``."""
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{where} is not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise ModelError(f"{where} must contain one JSON object")
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
                    "settings": dict(raw.get("settings", {}).items()),
                    "files": dict(raw.get("files", {}).items()),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"{where} cannot be used: {type(error).__name__}: {error}") from error

    def to_json(self) -> str:
        """Return the card as indented JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def write_card(folder: Path, card: ModelCard) -> ModelCard:
    """Write ``card.json`` with the SHA-256 of every file in ``card.files``; returns the card as written."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(card.files)}
    written = ModelCard(**{**{item.name: getattr(card, item.name) for item in fields(card)}, "files": digests})
    write_file(folder / CARD_NAME, written.to_json())
    return written
