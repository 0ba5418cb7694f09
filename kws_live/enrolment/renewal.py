"""Teach again the words of an earlier version, if the audio of their takes was kept."""

from pathlib import Path

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import TAUGHT_TO, sound_prefix, write_taught
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.errors import ConfigError
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.model.card import ModelCard
from kws_live.model.folders import CARD_NAME
from kws_live.model.taught_words import WORDS_NAME
from kws_live.sources.recordings import read_mono
from kws_live.system.array_file import read_arrays
from kws_live.system.text_file import read_text


def renew_words(folder: Path) -> Model:
    """Teach the words of a model folder again, to the shipped model that they were taught to.

    Raises
    ------
    KwsLiveError
        If no audio of one of them was kept, or they cannot be taught; then nothing is changed.
    """
    card = ModelCard.from_json(read_text(folder / CARD_NAME, "model card"), str(folder / CARD_NAME))
    names = [str(name) for name in read_arrays((folder / WORDS_NAME).read_bytes())["names"]]
    sounds = {name: sorted(file for file in card.files if file.startswith(sound_prefix(name))) for name in names}
    if silent := [name for name, files in sounds.items() if not files]:
        raise ConfigError(
            f"no audio was kept of {', '.join(map(repr, silent))} in {folder}, so it cannot be taught again; "
            f'delete the folder, then: kws-live teach "{silent[0]}"'
        )
    base = load_model(str(card.figures.get(TAUGHT_TO, DEFAULT_MODEL)))
    teacher = Teacher(base)
    words: list[TaughtWord] = []
    for name, files in sounds.items():
        takes = [Take.of(file, read_mono(folder / file, SPEECH_RATE_HZ)).features(base) for file in files]
        words.append(teacher.teach(name, takes, words))
    user = [word.name for word in words if not word.adapted]
    return write_taught(
        base,
        folder,
        words,
        only=set(card.keywords) == set(user),
        sounds={file: (folder / file).read_bytes() for files in sounds.values() for file in files},
        thresholds={word: card.thresholds[word] for word in user},
    )
