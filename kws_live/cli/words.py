"""Manage the words you have taught.

kws-live words list                               your models, their words, and what to expect of them
kws-live words test "lights on" --takes DIR       is it recognised in these recordings?
kws-live words rename "lights on" "lamp on"
kws-live words not-this "lights on" FILE          it fired there and must not; --keep: from now on
kws-live words retrain                            learn again from the kept takes, after an update of the models
kws-live words forget "lights on"                 all other words stay exactly as they are
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ
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
    "not-this": "unlearn a recording in which a word fired",
    "retrain": "learn again from the kept takes",
    "forget": "remove a word",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do")
    for name, help_text in ACTIONS.items():
        action = actions.add_parser(name, help=help_text)
        if name == "retrain":
            action.add_argument("word", nargs="?", metavar="WORD", help="this word only (default: all)")
            action.add_argument(
                "--base", metavar="MODEL", help="teach this model instead of the one it was taught to first"
            )
        elif name != "list":
            action.add_argument("word", metavar="WORD", help="a word that you have taught")
        if name == "rename":
            action.add_argument("new", metavar="NEW", help="its new name")
        if name == "not-this":
            action.add_argument("file", type=Path, metavar="FILE", help="a recording of at most 10 s in which it fired")
            action.add_argument("--keep", action="store_true", help="change the word; else what it costs is shown only")
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
    if arguments.action == "rename":
        rename_word(model, arguments.word, arguments.new)
        print(f'"{arguments.word}" of {name} is "{arguments.new}" now')
    elif arguments.action == "forget":
        left = forget_word(model, arguments.word)
        print(f'"{arguments.word}" is forgotten; {name} knows: {", ".join(left.card.keywords)}')
    else:
        print("learning again from the takes that were kept ...", file=sys.stderr)
        again = retrain_words(model, arguments.word, arguments.base)[1]
        for word in again:
            print("\n".join(word.expectation.lines(word.name)))
        print(f"{name} has learnt again: {', '.join(word.name for word in again)}")
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
            print(f"  there is a newer {origin}; to go over to it: kws-live words retrain --model {model.card.name}")
    if not models:
        print('no words have been taught yet; begin with: kws-live teach "lights on"')
    return 0


def _not_this(model: Model, word: str, path: Path, keep: bool) -> int:
    samples = read_mono(path, SPEECH_RATE_HZ)
    if samples.size > LONGEST_ALARM_SECONDS * SPEECH_RATE_HZ:
        raise ConfigError(f"{path} is longer than {LONGEST_ALARM_SECONDS} s; cut out the moment at which it fired")
    before, after = without_alarm(model, word, samples)
    print(f'"{word}" does not fire in {path.name} then; {after.expectation.beside(before.expectation)}')
    if keep:
        put_word(model, after)
        print(f'"{word}" has been changed')
    else:
        print("nothing has been changed; to keep it: --keep")
    return 0


def _test(model: Model, word: str, folder: Path) -> int:
    if model.taught is None or word not in model.taught.names:
        raise ConfigError(f"{word!r} was not taught to {model.card.name!r}; see: kws-live words list")
    paths = sound_files(folder)
    if not paths:
        raise ConfigError(f"{folder} has no sound files; put recordings of {word!r} into it ({KINDS})")
    n_heard = n_read = 0
    for path in paths:
        try:
            samples = read_mono(path, SPEECH_RATE_HZ)
        except DatasetError as error:
            print(f"kws-live: {error}; it is left out", file=sys.stderr)
            continue
        n_read += 1
        # A recording that is cut close has no pauses around the word.
        samples = np.pad(samples, (SPEECH_RATE_HZ, 3 * SPEECH_RATE_HZ // 2))
        events = list(detect(samples, rate_hz=SPEECH_RATE_HZ, model=model, all_events=True))
        spotted = [event for event in events if isinstance(event, Detection)]
        near = [event for event in events if isinstance(event, NearMiss) and event.keyword == word]
        told = ", ".join(f"{event.keyword} {event.score:.2f}" for event in spotted) or "nothing"
        if near and word not in [event.keyword for event in spotted]:
            told += (
                f' ("{word}" came to {max(event.score for event in near):.2f}; {near[0].threshold:g} is its threshold)'
            )
        n_heard += word in [event.keyword for event in spotted]
        print(f"{path.name}: {told}")
    print(f'"{word}" was heard in {n_heard} of {n_read} recordings')
    return 0
