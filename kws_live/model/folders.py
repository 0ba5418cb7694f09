"""Where models lie: shipped ones, those of other packages, and the user's own."""

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
    """What an error of others says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")


def shipped_models_folder() -> Path:
    """Where the shipped models lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def user_models_folder() -> Path:
    """Where the user's own models lie: what KWS_LIVE_MODELS says, or a part of `user_folder`.

    Raises
    ------
    ConfigError
        If nothing says where.
    """
    if chosen := os.environ.get("KWS_LIVE_MODELS"):
        return user_path(chosen)
    return user_folder() / "models"


def shipped_models() -> list[str]:
    """Names of the shipped models."""
    return _names(shipped_models_folder())


def user_models() -> list[str]:
    """Names of the user's own models; none where there is no place for them."""
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
    """Folder of a model given by name or path.

    Packages add models with an entry point in the group ``kws_live.models``: its name is the model's, its object the
    path of the folder.

    Raises
    ------
    ModelError
        If there is none; it names those there are.
    """
    name = str(name_or_path)
    if name in shipped_models():
        return shipped_models_folder() / name
    if name in user_models():
        return user_models_folder() / name
    with suppress(OSError, ConfigError):  # a name too long for a path, or ~ of a user that does not exist
        path = user_path(name_or_path)
        if path.is_dir():
            return path
    added = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name in added:
        try:
            return Path(added[name].load())
        except Exception as error:  # a package of others may raise anything
            raise ModelError(
                f"model {name!r} of the package behind {added[name].value!r} cannot be used: {first_line(error)}"
            ) from error
    known = ", ".join((*shipped_models(), *added))
    own = f"; your own: {', '.join(user_models())}" if user_models() else ""
    raise ModelError(f"no model {name!r}; shipped are: {known}{own}; or give a folder")
