"""A recipe: everything that decides what comes out of a training run, in one TOML file.

Each key is explained where the shipped recipes lie, in ``kws_live/training/recipes``.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from kws_live.errors import ConfigError
from kws_live.system.toml_file import read_toml
from kws_live.training.augmentation_settings import AugmentationSettings

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """How to train one model.

    Attributes
    ----------
    name, description : for the model card
    architecture, options : the network and its ``build``'s keyword arguments
    keywords : the labels that may fire; ``_unknown_`` and ``_silence_`` are appended to them
    epochs : times that every keyword clip is seen
    stop_epoch : the run ends after this one, before its cosine has fallen to zero, for another recipe to go on from
        there; 0: it runs to its end
    batch_size : windows a step
    learning_rate : at the top of its cosine, after ``warmup_epochs`` of linear rise
    weight_decay : of AdamW
    average : momentum of the exponential moving average of the weights, which is what is kept
    teacher_share : of the label that comes from the teachers, where teachers are given
    unknown_bias : added to unknown's logit once the network is trained: below 0 more words, and more other words taken
        for them
    silence_bias : the same of silence's logit: above 0 less noise is taken for words, and more faint words for noise
    seed : of weights, order, augmentation and dropout
    augmentation : see `AugmentationSettings`
    notes : Markdown for the report: what else was tried, and what came of it
    data : what the features were made from, each with name, licence and address, for the card
    """

    name: str
    description: str
    architecture: str
    keywords: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 60
    stop_epoch: int = 0
    batch_size: int = 256
    learning_rate: float = 4e-3
    warmup_epochs: int = 2
    weight_decay: float = 0.01
    average: float = 0.999
    teacher_share: float = 0.8
    unknown_bias: float = 0.0
    silence_bias: float = 0.0
    seed: int = 1
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    notes: str = ""
    data: tuple[Mapping[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.epochs <= 100_000 or not 0 <= self.warmup_epochs < self.epochs:
            raise ConfigError(f"recipe {self.name!r}: epochs {self.epochs} must be 1 or more, above warmup_epochs")
        if not 0 <= self.stop_epoch <= self.epochs:
            raise ConfigError(f"recipe {self.name!r}: stop_epoch {self.stop_epoch} must be 0 to epochs ({self.epochs})")
        if not 8 <= self.batch_size <= 65_536:
            raise ConfigError(f"recipe {self.name!r}: batch_size {self.batch_size} must be 8 to 65536")
        if not self.keywords or len(set(self.keywords)) != len(self.keywords):
            raise ConfigError(f"recipe {self.name!r}: keywords must be present and differ from each other")
        if not 0 < self.learning_rate < 1 or self.weight_decay < 0:
            raise ConfigError(f"recipe {self.name!r}: learning_rate must be 0 to 1 and weight_decay 0 or more")
        if not 0 <= self.average < 1 or not 0 <= self.teacher_share <= 1:
            raise ConfigError(f"recipe {self.name!r}: average must be 0 to below 1 and teacher_share 0 to 1")

    @property
    def n_epochs(self) -> int:
        """Epochs that are run."""
        return self.stop_epoch or self.epochs

    def fingerprint(self) -> str:
        """Everything that decides the weights, as text: two recipes with the same train alike, epoch by epoch."""
        values = asdict(self)
        for key in ("name", "description", "notes", "data", "unknown_bias", "silence_bias", "stop_epoch"):
            del values[key]
        return json.dumps(values, sort_keys=True)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a shipped recipe by name, or a TOML file by path.

    Raises
    ------
    ConfigError
        If there is no such recipe, or it has a missing, unknown or impossible value.
    """
    shipped = FOLDER / f"{name_or_path}.toml"
    path = shipped if shipped.is_file() else Path(name_or_path)
    if not path.exists():
        raise ConfigError(
            f"no recipe {str(name_or_path)!r}; shipped are: {', '.join(shipped_recipes())}; or give a TOML file"
        )
    raw = read_toml(path, "recipe").values
    try:
        if "augmentation" in raw:
            raw["augmentation"] = AugmentationSettings(**_tuples(raw["augmentation"]))
        if "options" in raw:
            raw["options"] = _tuples(raw["options"])
        return Recipe(**_tuples(raw))
    except TypeError as error:
        known = ", ".join(item.name for item in fields(Recipe))
        raise ConfigError(f"recipe {path}: {error}; its keys are: {known}") from error


def shipped_recipes() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
