"""Recipes: everything that determines the result of a training run, in one TOML file.

`Recipe` explains each key; the shipped recipes are in ``kws_live/training/recipes``.
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
    keywords : the labels that can fire; ``_unknown_`` and ``_silence_`` are appended
    epochs : number of times each keyword clip is used
    batch_size : windows per step
    learning_rate : peak of the cosine, after ``warmup_epochs`` of linear increase
    weight_decay : of AdamW
    average : momentum of the exponential moving average of the weights; the averaged weights are saved
    unknown_bias : added to the "unknown" logit after training; below 0: fewer misses and more false accepts on other
        words
    silence_bias : the same for "silence"; above 0: fewer false accepts in noise, more faint words missed
    seed : of weights, order, augmentation and dropout
    augmentation : see `AugmentationSettings`
    notes : Markdown for the report: what else was tried, and the results
    data : sources of the features, each with name, licence and address, for the card
    """

    name: str
    description: str
    architecture: str
    keywords: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 60
    batch_size: int = 256
    learning_rate: float = 4e-3
    warmup_epochs: int = 2
    weight_decay: float = 0.01
    average: float = 0.999
    unknown_bias: float = 0.0
    silence_bias: float = 0.0
    seed: int = 1
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    notes: str = ""
    data: tuple[Mapping[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.epochs <= 100_000 or not 0 <= self.warmup_epochs < self.epochs:
            raise ConfigError(f"recipe {self.name!r}: epochs {self.epochs} must be 1 or more, above warmup_epochs")
        if not 8 <= self.batch_size <= 65_536:
            raise ConfigError(f"recipe {self.name!r}: batch_size {self.batch_size} must be 8 to 65536")
        if not self.keywords or len(set(self.keywords)) != len(self.keywords):
            raise ConfigError(f"recipe {self.name!r}: keywords must be given and distinct")
        if not 0 < self.learning_rate < 1 or self.weight_decay < 0:
            raise ConfigError(f"recipe {self.name!r}: learning_rate must be 0 to 1 and weight_decay 0 or more")
        if not 0 <= self.average < 1:
            raise ConfigError(f"recipe {self.name!r}: average must be 0 to below 1")

    def fingerprint(self) -> str:
        """Return everything that determines the weights, as text; recipes with equal fingerprints train identically."""
        values = asdict(self)
        for key in ("name", "description", "notes", "data", "unknown_bias", "silence_bias"):
            del values[key]
        return json.dumps(values, sort_keys=True)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a shipped recipe by name, or a TOML file by path.

    Raises
    ------
    ConfigError
        If there is no such recipe, or it has a missing, unknown or invalid value.
    """
    shipped = FOLDER / f"{name_or_path}.toml"
    path = shipped if shipped.is_file() else Path(name_or_path)
    if not path.exists():
        raise ConfigError(
            f"no recipe {str(name_or_path)!r}; choose from: {', '.join(shipped_recipes())}; or give a TOML file"
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
    """Return the names of the shipped recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
