"""Teach, retrain, rename and forget words, with one call each."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import TAUGHT_TO, check_word, sound_prefix, user_folder, words_of, write_taught
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.errors import ConfigError, DatasetError, ModelError
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.model.folders import find_model, user_models, user_models_folder
from kws_live.model.taught_words import BANK_NAME
from kws_live.system.saving import why_unwritable

USER_MODEL: Final = "my-words"
"""Default model for taught words."""

Progress = Callable[[int, int], None]


def _no_progress(done: int, total: int) -> None:
    """Show nothing."""


def where_to_teach(
    word: str, model: str | None = None, name: str | None = None, adapt: bool = False
) -> tuple[Model, Path]:
    """Return the model to teach and the folder for the result; checked before takes are recorded.

    Parameters
    ----------
    word : the new word
    model : name or folder; None: the user's own model of that name if there is one, else the default model
    name : of the user's model; None: the model's own if it is the user's, else `USER_MODEL`
    adapt : whether to adapt a word of the network to a voice

    Raises
    ------
    KwsLiveError
        If a name is invalid or in use, the model has the word already, or lacks the word to adapt.
    """
    word = check_word(word)
    if name is not None:
        user_folder(name)
    if model is None:
        model = name or USER_MODEL if (name or USER_MODEL) in user_models() else DEFAULT_MODEL
    base = load_model(model)
    base.embedding()  # whether it can be taught at all
    is_users = base.folder.parent.resolve() == user_models_folder().resolve()
    folder = base.folder if is_users and name in (None, base.folder.name) else user_folder(name or USER_MODEL)
    if folder.exists() and folder.name not in user_models():
        raise ConfigError(f"{folder} exists and is not a model; move it, or choose another --name")
    if folder.exists() and folder.resolve() != base.folder.resolve():
        raise ConfigError(
            f"you already have a model {folder.name!r}; add the word to it with --model {folder.name}, "
            "or choose another --name"
        )
    _check_new(base, word, adapt)
    if why := why_unwritable(folder.parent):
        raise ConfigError(f"cannot write {folder}: {why}; set KWS_LIVE_MODELS to a folder that can be written")
    return base, folder


def _check_new(base: Model, word: str, adapt: bool) -> None:
    name = base.card.name
    if base.taught is not None and word in base.taught.names:
        raise ConfigError(
            f'you have already taught {word!r} to {name!r}; to teach it again, first: kws-live words forget "{word}"'
        )
    if word in base.card.keywords:
        if not adapt:
            raise ConfigError(
                f"{name!r} already has the word {word!r}; to adapt it to your voice: kws-live teach {word} --adapt"
            )
    elif word in base.card.labels:
        raise ConfigError(f"{name!r} was trained not to fire on {word!r}; choose another word, or another model")
    elif adapt:
        words = ", ".join(base.card.keywords)
        raise ConfigError(f"{name!r} has no word {word!r} to adapt; leave out --adapt, or choose one of: {words}")


def teach_word(
    word: str,
    takes: Sequence[Take],
    base: Model,
    folder: Path,
    only: bool = False,
    keep_audio: bool = False,
    teacher: Teacher | None = None,
    on_progress: Progress = _no_progress,
) -> tuple[Model, TaughtWord]:
    """Teach a word and write the model.

    Parameters
    ----------
    word : as it will be reported
    takes : good ones, see `kws_live.enrolment.judge.Judge`
    base, folder : see `where_to_teach`
    only : whether the user words are the model's only keywords
    keep_audio : whether to keep the takes as audio too, in the model folder
    teacher : of the base, if there is one already
    on_progress : called with the number of fits done and the total

    Returns
    -------
    the model as written, and the word with what to expect of it

    Raises
    ------
    KwsLiveError
        If it cannot be taught or written, would not be detected, or an adapted word is no better than before; then
        nothing is changed.
    """
    word = check_word(word)
    before = words_of(base)
    features = [take.features(base) for take in takes]
    taught = (teacher or Teacher(base)).teach(word, features, before, on_progress)
    told = taught.expectation
    if told.before is not None and told.hits <= told.before.hits:
        raise DatasetError(
            f"{told.before.hits} of {told.n_tries} takes of {word!r} are recognised before adapting it, and "
            f"{told.hits} after; nothing has changed"
        )
    if told.before is None and told.hits == 0 and told.n_tries > 1:
        why = "; record 5 new takes of one word, in a quiet room"
        if told.confused:
            why = f", because they are too similar to {', '.join(map(repr, told.confused))}; choose another word"
        raise DatasetError(
            f"none of the {told.n_tries} takes of {word!r} was recognised after learning from the others{why}; "
            "nothing has changed"
        )
    sounds = _sounds(word, [take for take in takes if not take.spoken]) if keep_audio else {}
    return write_taught(base, folder, [*before, taught], only, sounds), taught


def _sounds(word: str, takes: Sequence[Take]) -> dict[str, bytes]:
    import soundfile

    sounds = {}
    for number, take in enumerate(takes, 1):
        buffer = io.BytesIO()
        soundfile.write(buffer, take.samples, SPEECH_RATE_HZ, format="FLAC")
        sounds[f"{sound_prefix(word)}{number}.flac"] = buffer.getvalue()
    return sounds


def user_model(name: str | None = None) -> Model:
    """Load a model with taught words.

    Parameters
    ----------
    name : or folder; None: `USER_MODEL`, or the only one there is

    Raises
    ------
    KwsLiveError
        If there is none.
    """
    if name is None:
        if not user_models():
            raise ConfigError('no words have been taught yet; start with: kws-live teach "lights on"')
        name = USER_MODEL if USER_MODEL in user_models() else user_models()[0]
    model = load_model(name)
    if model.taught is None:
        raise ConfigError(f'model {model.card.name!r} has no taught words; teach one: kws-live teach "lights on"')
    return model


def _chosen(model: Model, word: str) -> list[TaughtWord]:
    words = words_of(model)
    if word not in [one.name for one in words]:
        names = ", ".join(one.name for one in words)
        raise ConfigError(f"{word!r} was not taught to {model.card.name!r}; its words are: {names}")
    return words


def forget_word(model: Model, word: str) -> Model:
    """Remove a word; the scores of all others stay the same."""
    words = _chosen(model, word)
    return write_taught(model, model.folder, [one for one in words if one.name != word], _has_only(model))


def without_alarm(model: Model, word: str, samples: Samples) -> tuple[TaughtWord, TaughtWord]:
    """Return a taught word as it is, and as it would be if it did not fire in a recording; nothing is written.

    Parameters
    ----------
    model : the user's
    word : the word that fired
    samples : float32 at 16 kHz, without the word

    Raises
    ------
    KwsLiveError
        If it does not fire in it, or cannot be separated from it.
    """
    words = _chosen(model, word)
    one = next(known for known in words if known.name == word)
    teacher, rows = Teacher(model), model.rows(samples)
    if (best := teacher.best(one, rows)) < model.card.thresholds[word]:
        raise ConfigError(f"{word!r} does not fire in this recording; its highest score is {best:.2f}")
    others = [other for other in words if other is not one]
    return one, teacher.teach(word, one.takes, others, false_alarms=(*one.false_alarms, rows))


def put_word(model: Model, word: TaughtWord) -> Model:
    """Replace the word of the same name."""
    words = [word if one.name == word.name else one for one in words_of(model)]
    return write_taught(model, model.folder, words, _has_only(model))


def rename_word(model: Model, word: str, new: str) -> Model:
    """Rename a word; nothing else changes."""
    words, new = _chosen(model, word), check_word(new)
    if model.taught is not None and word in model.taught.adapted:
        raise ConfigError(
            f"{word!r} is a word of the network, adapted to your voice; only words that you added can be renamed"
        )
    if new in model.card.labels:
        raise ConfigError(f"{model.card.name!r} already has a word {new!r}; choose another")
    renamed = [replace(one, name=new) if one.name == word else one for one in words]
    sounds = {name.replace(sound_prefix(word), sound_prefix(new)): content for name, content in _kept(model).items()}
    thresholds = {new: model.card.thresholds[word]}
    return write_taught(model, model.folder, renamed, _has_only(model), sounds, thresholds)


def retrain_words(
    model: Model, word: str | None = None, base: str | None = None, on_progress: Progress = _no_progress
) -> tuple[Model, list[TaughtWord]]:
    """Teach words again from their kept takes, after the base model or the other words have changed.

    Parameters
    ----------
    model : the user's
    word : None: every word
    base : another model to teach them to; None: the shipped model it was made from, if it still exists
    on_progress : called with the number of words done and the total

    Returns
    -------
    the model as written, and the words taught again
    """
    words = words_of(model) if word is None else _chosen(model, word)
    if word is None:
        fresh = load_model(base) if base else _origin(model)
        teacher = Teacher(fresh)
        # So far the words belong to another embedding, and could not be compared.
        words = [_fitted(teacher, one) for one in words]
    elif base is None:
        fresh, teacher = model, Teacher(model)
    else:
        raise ConfigError(
            f"{word!r} alone cannot be retrained on {base!r}; leave out the word to retrain all words on it"
        )
    result: list[TaughtWord] = []
    again: list[TaughtWord] = []
    for number, one in enumerate(words, 1):
        if word in (None, one.name):
            others = [other for other in words if other is not one]
            again.append(teacher.teach(one.name, one.takes, others, false_alarms=one.false_alarms))
            result.append(again[-1])
        else:
            result.append(one)
        on_progress(number, len(words))
    thresholds = {one.name: model.card.thresholds[one.name] for one in result if not one.adapted}
    return write_taught(fresh, model.folder, result, _has_only(model), _kept(model), thresholds), again


def _fitted(teacher: Teacher, word: TaughtWord) -> TaughtWord:
    weights, bias = teacher.weights_of(word.takes, word.name)
    return replace(word, weights=weights, bias=bias)


def newer_base(model: Model) -> str | None:
    """Return the name of the model to which words were taught, if another has replaced it since."""
    own, origin = model.card, _origin(model).card
    same = own.network_sha256 == origin.network_sha256 and own.files.get(BANK_NAME) == origin.files.get(BANK_NAME)
    return None if same else origin.name


def _kept(model: Model) -> dict[str, bytes]:
    """Return the recordings kept in a model folder."""
    return {name: (model.folder / name).read_bytes() for name in model.card.files if name.startswith("take_")}


def _has_only(model: Model) -> bool:
    return model.taught is not None and set(model.card.keywords) == set(model.taught.user_words)


def _origin(model: Model) -> Model:
    """Return the model to which words were first taught, or the copy kept of it if it is gone."""
    try:
        folder = find_model(str(model.card.figures.get(TAUGHT_TO, model.folder)))
    except ModelError:
        return model
    return load_model(folder)
