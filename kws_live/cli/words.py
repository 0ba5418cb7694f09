"""Manage the words you have taught.

kws-live words list                               your models, their words, and their expected accuracy
kws-live words test "lights on" --takes DIR       try it on recordings
kws-live words rename "lights on" "lamp on"
kws-live words not-this "lights on" FILE          unlearn a false accept; --keep: save the change
kws-live words retrain                            learn again from the saved takes, after a model update
kws-live words forget "lights on"                 remove it; all other words stay unchanged
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.cli.signals import signals
from kws_live.detection import detect
from kws_live.enrolment.taught_model import words_of
from kws_live.enrolment.vocabulary import (
    forget_word,
    newer_base,
    put_word,
    rename_word,
    retrain_words,
    user_model,
    without_alarm,
)
from kws_live.errors import ConfigError, DatasetError
from kws_live.events import Detection, NearMiss
from kws_live.model import Model, load_model
from kws_live.model.folders import user_models
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import KINDS, sound_files

LONGEST_ALARM_SECONDS: Final = 10
ACTIONS: Final = {
    "list": "list the words you have taught",
    "test": "try a word on recordings",
    "rename": "rename a word",
    "not-this": "unlearn a recording in which a word fired by mistake",
    "retrain": "learn again from the saved takes",
    "forget": "remove a word",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do")
    for name, help_text in ACTIONS.items():
        action = actions.add_parser(name, help=help_text)
        if name == "retrain":
            action.add_argument("word", nargs="?", metavar="WORD", help="this word only (default: all)")
            action.add_argument("--base", metavar="MODEL", help="use this base model instead of the original one")
        elif name != "list":
            action.add_argument("word", metavar="WORD", help="a word that you have taught")
        if name == "rename":
            action.add_argument("new", metavar="NEW", help="its new name")
        if name == "not-this":
            action.add_argument("file", type=Path, metavar="FILE", help="a recording of at most 10 s in which it fired")
            action.add_argument("--keep", action="store_true", help="save the change (default: only show its effect)")
        if name == "test":
            action.add_argument(
                "--takes", type=Path, metavar="DIR", required=True, help="folder of recordings of the word"
            )
        action.add_argument("--model", "-m", help="your model (default: my-words)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        return _list(arguments.model)
    model = user_model(arguments.model)
    name = model.card.name
    if arguments.action == "test":
        return _test(model, arguments.word, arguments.takes)
    if arguments.action == "not-this":
        return _not_this(model, arguments.word, arguments.file, arguments.keep)
    with signals.interrupting():  # a model half written is removed
        if arguments.action == "rename":
            rename_word(model, arguments.word, arguments.new)
            print(f'"{arguments.word}" in {name} is now "{arguments.new}"')
        elif arguments.action == "forget":
            left = forget_word(model, arguments.word)
            print(f'removed "{arguments.word}"; {name} still has: {", ".join(left.card.keywords)}')
        else:
            print("learning again from the saved takes ...", file=sys.stderr)
            again = retrain_words(model, arguments.word, arguments.base)[1]
            for word in again:
                print("\n".join(word.expectation.lines(word.name)))
            print(f"{name}: learned again: {', '.join(word.name for word in again)}")
    return 0


def _list(name: str | None) -> int:
    models = [load_model(one) for one in ([name] if name else user_models())]
    for model in models:
        print(f"{model.card.name} ({model.folder})")
        for word in words_of(model):
            name = f"{word.name} (adapted)" if word.adapted else word.name
            print(f"  {name:<20} {word.expectation.line()}")
        if model.taught is None:
            print("  no taught words")
        elif origin := newer_base(model):
            print(f"  there is a newer {origin}; to use it: kws-live words retrain --model {model.card.name}")
    if not models:
        print('no words have been taught yet; start with: kws-live teach "lights on"')
    return 0


def _not_this(model: Model, word: str, path: Path, keep: bool) -> int:
    samples = read_mono(path, SPEECH_RATE_HZ)
    if samples.size > LONGEST_ALARM_SECONDS * SPEECH_RATE_HZ:
        raise ConfigError(f"{path} is longer than {LONGEST_ALARM_SECONDS} s; cut out the moment at which it fired")
    before, after = without_alarm(model, word, samples)
    change = after.expectation.beside(before.expectation)
    print(f'with this change, "{word}" no longer fires in {path.name}; {change}')
    if keep:
        put_word(model, after)
        print(f'changed "{word}"')
    else:
        print("nothing was changed; to save the change, add --keep")
    return 0


def _test(model: Model, word: str, folder: Path) -> int:
    if model.taught is None or word not in model.taught.names:
        raise ConfigError(f"{word!r} is not a taught word of {model.card.name!r}; see: kws-live words list")
    paths = sound_files(folder)
    if not paths:
        raise ConfigError(f"{folder} contains no sound files; put recordings of {word!r} into it ({KINDS})")
    n_heard = n_read = 0
    for path in paths:
        try:
            samples = read_mono(path, SPEECH_RATE_HZ)
        except DatasetError as error:
            print(f"kws-live: {error}; skipped", file=sys.stderr)
            continue
        n_read += 1
        # A tightly cut recording has no pauses around the word.
        samples = np.pad(samples, (SPEECH_RATE_HZ, 3 * SPEECH_RATE_HZ // 2))
        events = list(detect(samples, rate_hz=SPEECH_RATE_HZ, model=model, all_events=True))
        spotted = [event for event in events if isinstance(event, Detection)]
        near = [event for event in events if isinstance(event, NearMiss) and event.keyword == word]
        told = ", ".join(f"{event.keyword} {event.score:.2f}" for event in spotted) or "nothing"
        if near and word not in [event.keyword for event in spotted]:
            told += (
                f' ("{word}" scored {max(event.score for event in near):.2f}; its threshold is {near[0].threshold:g})'
            )
        n_heard += word in [event.keyword for event in spotted]
        print(f"{path.name}: {told}")
    print(f'"{word}" was recognised in {n_heard} of {n_read} recordings')
    return 0
