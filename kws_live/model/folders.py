"""Locations of models: shipped ones, those of other packages, and the user's own."""

import os
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Final

from kws_live.errors import ConfigError, ModelError
from kws_live.system.text_file import user_path
from kws_live.system.user_folder import user_folder

CARD_NAME: Final = "card.json"
GROUP: Final = "kws_live.models"


def first_line(error: BaseException) -> str:
    """Return a foreign error's message in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")


def shipped_models_folder() -> Path:
    """Return the folder of the shipped models: inside the installed package, or next to it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def user_models_folder() -> Path:
    """Return the folder of the user's own models: KWS_LIVE_MODELS, or a part of `user_folder`.

    Raises
    ------
    ConfigError
        If there is no home folder.
    """
    if chosen := os.environ.get("KWS_LIVE_MODELS"):
        return user_path(chosen)
    return user_folder() / "models"


def shipped_models() -> list[str]:
    """Return the names of the shipped models."""
    return _names(shipped_models_folder())


def user_models() -> list[str]:
    """Return the names of the user's own models; empty if there is no folder for them."""
    with suppress(ConfigError):
        return _names(user_models_folder())
    return []


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted(
            path.parent.name for path in folder.glob(f"*/{CARD_NAME}") if not path.parent.name.startswith(".")
        )
    return []


def find_model(name_or_path: str | Path) -> Path:
    """Return the folder of a model given by name or path.

    Packages add models with an entry point in the group ``kws_live.models``: its name is the model's, its object is the
    path of the folder.

    Raises
    ------
    ModelError
        If there is no such model; the message lists those available.
    """
    name = str(name_or_path)
    if name in shipped_models():
        return shipped_models_folder() / name
    if name in user_models():
        return user_models_folder() / name
    with suppress(OSError, ConfigError):  # a name too long for a path, or ~ of an unknown user
        path = user_path(name_or_path)
        if path.is_dir():
            return path
    added = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name in added:
        try:
            return Path(added[name].load())
        except Exception as error:  # foreign code may raise anything
            raise ModelError(
                f"model {name!r} of the package of {added[name].value!r} cannot be used: {first_line(error)}"
            ) from error
    known = ", ".join((*shipped_models(), *added))
    own = f"; your own: {', '.join(user_models())}" if user_models() else ""
    raise ModelError(f"no model {name!r}; choose from: {known}{own}; or give a folder")
