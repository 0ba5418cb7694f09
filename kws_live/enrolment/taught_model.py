"""A model folder with taught words: written whole or not at all."""

import hashlib
import io
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.enrolment.bank import Bank
from kws_live.enrolment.expectation import THRESHOLD, Expectation, longest_word
from kws_live.enrolment.takes import TakeFeatures
from kws_live.enrolment.teaching import TaughtWord
from kws_live.errors import ConfigError, ModelError
from kws_live.model import Model, load_model
from kws_live.model.card import ModelCard, write_card
from kws_live.model.features import Features
from kws_live.model.folders import CARD_NAME, shipped_models, user_models_folder
from kws_live.model.taught_words import BANK_NAME, TAKES_NAME, WORDS_NAME, TaughtWords
from kws_live.system.array_file import read_arrays
from kws_live.system.interrupts import shielded
from kws_live.system.saving import PRIVATE_FILE, private_folder, write_file

MOST_LETTERS: Final = 40
TAUGHT: Final = "taught"
"""Key of the card's figures: word -> its `Expectation`."""

TAUGHT_TO: Final = "taught_to"
"""Key of the card's figures: name of the model that the first word was taught to."""


def check_word(word: str) -> str:
    """Normalise a word: letters of any script, digits, and spaces, apostrophes and hyphens between them.

    Raises
    ------
    ConfigError
        If it contains anything else, or is empty.
    """
    clean = " ".join(unicodedata.normalize("NFC", word).split())
    if not 0 < len(clean) <= MOST_LETTERS:
        raise ConfigError(f'word {word!r} must have 1 to {MOST_LETTERS} letters, such as "lights on"')
    kinds = {character: unicodedata.category(character) for character in clean}
    if strange := [c for c, kind in kinds.items() if kind[0] not in "LMN" and c not in " '-’"]:
        raise ConfigError(
            f'word {word!r} contains {strange[0]!r}; use letters, digits, spaces, \' and -, as in "lights on"'
        )
    if clean[0] in " '-’":
        raise ConfigError(f"word {word!r} must begin with a letter or digit")
    return clean


def check_name(name: str) -> str:
    """Return a model's name if it can be a folder's name.

    Raises
    ------
    ConfigError
        If it is not portable as a folder's name, or belongs to a shipped model.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", name) or name.endswith("."):
        raise ConfigError(f"name {name!r} is not a valid folder name; use letters, digits, - and _, such as my-words")
    if name in shipped_models():
        raise ConfigError(
            f"{name!r} is a shipped model, which cannot be changed; choose another name, such as my-words"
        )
    return name


def user_folder(name: str) -> Path:
    """Return the folder of the user's model of this name, whether it exists or not."""
    return user_models_folder() / check_name(name)


def sound_prefix(word: str) -> str:
    """Return the file-name prefix of a word's kept recordings; the word itself may not be a valid file name."""
    return f"take_{hashlib.sha256(word.encode()).hexdigest()[:8]}_"


def takes_of(model: Model) -> dict[str, tuple[tuple[TakeFeatures, ...], tuple[Features, ...]]]:
    """Return the takes with which each of a model's words was taught, and its false alarms.

    Raises
    ------
    ModelError
        If they cannot be read.
    """
    if model.taught is None:
        return {}
    path = model.folder / TAKES_NAME
    try:
        stored = read_arrays(path.read_bytes())
        return {
            word: (
                tuple(
                    _take(stored[f"{i}_{n}"], *stored[f"{i}_{n}_word"].tolist())
                    for n in range(int(stored[f"{i}_takes"]))
                ),
                tuple(
                    stored[f"{i}_not_{n}"].astype(np.float32) for n in range(int(stored.get(f"{i}_not", np.int64(0))))
                ),
            )
            for i, word in enumerate(model.taught.names)
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be used: {error}; teach the words again") from error


def _take(rows: NDArray[np.float16], onset: int, offset: int, spoken: int) -> TakeFeatures:
    return TakeFeatures(rows.astype(np.float32), onset, offset, bool(spoken))


def words_of(model: Model) -> list[TaughtWord]:
    """Return a model's taught words from its folder."""
    if model.taught is None:
        return []
    takes = takes_of(model)
    measured: Mapping[str, Any] = model.card.figures.get(TAUGHT, {})
    found = []
    for name, weights, bias in zip(model.taught.names, model.taught.weights, model.taught.biases, strict=True):
        try:
            expectation = Expectation.from_dict(measured[name])
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{model.folder}: the card does not describe {name!r} ({error}); teach it again"
            ) from error
        adapted = name in model.taught.adapted
        found.append(TaughtWord(name, weights, float(bias), takes[name][0], expectation, adapted, takes[name][1]))
    return found


def _card_with(
    base: Model,
    name: str,
    words: Sequence[TaughtWord],
    only: bool,
    sounds: Collection[str],
    thresholds: Mapping[str, float],
) -> ModelCard:
    """Return the card of a model with this name and these words; see `write_taught`."""
    card = base.card
    before = base.taught.user_words if base.taught else ()
    labels = base.network_labels
    user = tuple(word.name for word in words if not word.adapted)
    if clash := [name for name in user if name in labels]:
        raise ConfigError(f"the model already has a word {clash[0]!r}; choose another")
    keywords = () if only else tuple(word for word in card.keywords if word not in before)
    old = {**card.thresholds, **thresholds}
    figures = {name: value for name, value in card.figures.items() if name != TAUGHT}
    sound_names = tuple(sound_prefix(word.name) for word in words)
    files = {
        name: ""
        for name in card.files
        if name not in (WORDS_NAME, TAKES_NAME) and (not name.startswith("take_") or name.startswith(sound_names))
    }
    files |= dict.fromkeys(sounds, "")
    if words:
        figures[TAUGHT] = {word.name: word.expectation.to_dict() for word in words}
        figures.setdefault(TAUGHT_TO, card.name)
        files |= {WORDS_NAME: "", TAKES_NAME: ""}
    if not keywords and not user:
        raise ConfigError(f"model {card.name!r} would have no words left; delete its folder instead")
    longest = max([1.1, *(longest_word(word.expectation.word_seconds) for word in words)])
    return replace(
        card,
        name=name,
        labels=(*labels, *user),
        keywords=(*keywords, *user),
        thresholds={**{word: old[word] for word in keywords}, **{word: old.get(word, THRESHOLD) for word in user}},
        figures=figures,
        files=files,
        longest_word_seconds=longest,
    )


def write_taught(
    base: Model,
    folder: Path,
    words: Sequence[TaughtWord],
    only: bool = False,
    sounds: Mapping[str, bytes] | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> Model:
    """Write a model folder with the base's files and these words instead of its previous ones; then load it.

    Everything is written beside the folder and moved into place once complete, so a full disk or Ctrl-C leaves the
    previous content. It holds voices or data derived from them, so only its owner may read it.

    Parameters
    ----------
    base : the model that was taught; may lie in ``folder`` itself
    folder : where to write
    words : all taught words of the model
    only : whether the user words are its only keywords
    sounds : file name -> content, to be kept with the model
    thresholds : of words with another threshold than the default

    Raises
    ------
    KwsLiveError
        If it cannot be written.
    """
    new = _card_with(base, folder.name, words, only, sounds or {}, thresholds or {})
    taught = tuple(word.name for word in words)
    try:
        place = Path(os.path.realpath(folder))  # keeps a link to a folder elsewhere
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=place.parent))  # readable by its owner only
    except OSError as error:
        raise ModelError(
            f"cannot write {folder}: {error.strerror}; set KWS_LIVE_MODELS to a folder that can be written"
        ) from error
    try:
        for name in new.files:
            if (base.folder / name).is_file() and name not in (sounds or {}):
                shutil.copyfile(base.folder / name, partial / name)
        for name, content in (sounds or {}).items():
            (partial / name).write_bytes(content)
        if words:
            weights = np.stack([word.weights for word in words]).astype(np.float32)
            biases = np.array([word.bias for word in words], np.float32)
            adapted = frozenset(word.name for word in words if word.adapted)
            bank = Bank.load(base.folder / BANK_NAME)
            content = TaughtWords(taught, weights, biases, bank.words, bank.word_weights, adapted).to_bytes()
            (partial / WORDS_NAME).write_bytes(content)
            (partial / TAKES_NAME).write_bytes(_takes_bytes(words))
        write_card(partial, new)
        for path in partial.iterdir():
            path.chmod(PRIVATE_FILE)  # they hold voices, or data derived from them
        load_model(partial)
        shielded(lambda: _put(partial, place))
    except OSError as error:
        raise ModelError(f"cannot write {folder}: {error.strerror}; nothing has changed") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return load_model(folder)


def _put(partial: Path, folder: Path) -> None:
    """Move a folder into place; the previous one is removed after that."""
    old = partial.with_name(partial.name + ".old")
    try:
        if folder.exists():
            folder.replace(old)
    except OSError:  # a mount point cannot be moved
        _put_into(partial, folder)
        return
    try:
        partial.replace(folder)
    except BaseException:
        with suppress(OSError):
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _put_into(partial: Path, folder: Path) -> None:
    """Write the files of one folder into another, the card last, and remove all others."""
    private_folder(folder)
    new = sorted(partial.iterdir(), key=lambda path: path.name == CARD_NAME)
    for path in new:
        write_file(folder / path.name, path.read_bytes(), private=True)
    for path in folder.iterdir():
        if path.is_file() and path.name not in {one.name for one in new}:
            path.unlink()


def _takes_bytes(words: Iterable[TaughtWord]) -> bytes:
    arrays: dict[str, Any] = {}
    for i, word in enumerate(words):
        arrays[f"{i}_takes"] = len(word.takes)
        arrays[f"{i}_not"] = len(word.false_alarms)
        arrays |= {f"{i}_not_{n}": rows.astype(np.float16) for n, rows in enumerate(word.false_alarms)}
        for n, take in enumerate(word.takes):
            arrays[f"{i}_{n}"] = take.rows.astype(np.float16)
            arrays[f"{i}_{n}_word"] = (take.onset, take.offset, take.spoken)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
