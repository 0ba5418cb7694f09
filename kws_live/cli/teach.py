"""Teach your own word, in any language, from a few recordings, called takes.

  kws-live teach "lights on"                          asks you to say it five times
  kws-live teach "lights on" --takes recordings/      from a folder with 3 to 10 recordings of it
  kws-live teach "lights on" --from-text              from synthetic voices, without recordings
  kws-live teach "lights off"                         a second word, in addition to the first
  kws-live teach "hey archie" --only --name archie    a model with no other words
  kws-live teach stop --adapt                         adapt a known word to your voice or accent
  kws-live listen --model my-words

A word can last up to about a second and a half; two or three syllables are easiest to tell apart. It is added to the
ten words in your own model, called my-words unless --name is given. Record takes in different tones and from different
distances, and from other people who will use the word. Synthetic voices work less well; combine --from-text with
--takes or --source if you can. With 100 recordings or more: kws-live train --fine-tune. More: kws-live guide teaching
"""

import argparse
import sys
from pathlib import Path

from kws_live.cli.signals import signals
from kws_live.enrolment.judge import Judge
from kws_live.enrolment.spoken_takes import caution, speak_takes
from kws_live.enrolment.takes import SAY_SECONDS, Take, read_takes, record_takes
from kws_live.enrolment.teaching import LEAST_TAKES, Teacher
from kws_live.enrolment.vocabulary import teach_word, where_to_teach
from kws_live.errors import ConfigError, DatasetError
from kws_live.sources import open_source

MOST_TAKES = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("word", metavar="WORD", help='the word or short phrase, such as "lights on"')
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--takes", type=Path, metavar="DIR", help="a folder of recordings of the word")
    where.add_argument("--source", "-s", help="record now, from mic: or mic:NAME (default: mic:)")
    parser.add_argument(
        "--from-text",
        action="store_true",
        help="use the installed speech synthesisers, alone or in addition to your takes",
    )
    parser.add_argument(
        "--language", default="en", metavar="CODE", help="language for --from-text (default: %(default)s)"
    )
    parser.add_argument(
        "--n", type=int, default=5, metavar="N", help="number of takes to record (default: %(default)s)"
    )
    parser.add_argument(
        "--model", "-m", help="the model to extend (default: your model of that name, or else commands-12)"
    )
    parser.add_argument("--name", help="name of your model for the word (default: my-words)")
    parser.add_argument("--only", action="store_true", help="create a model with your own words only")
    parser.add_argument("--adapt", action="store_true", help="adapt a word of the model to your voice")
    parser.add_argument("--keep-audio", action="store_true", help="keep the audio of the takes, not only features")


def run(arguments: argparse.Namespace) -> int:
    if not LEAST_TAKES <= arguments.n <= MOST_TAKES:
        raise ConfigError(f"--n {arguments.n} must be {LEAST_TAKES} to {MOST_TAKES}")
    if arguments.adapt and (arguments.only or arguments.from_text):
        raise ConfigError("--adapt needs recordings of you and keeps all other words; leave out --only and --from-text")
    base, folder = where_to_teach(arguments.word, arguments.model, arguments.name, arguments.adapt)
    teacher = Teacher(base)
    judge = Judge(teacher, base)
    takes = _takes(arguments, judge)
    print("learning ...", file=sys.stderr)
    with signals.interrupting():  # a model half written is removed
        model, word = teach_word(arguments.word, takes, base, folder, arguments.only, arguments.keep_audio, teacher)
    print("\n".join(word.expectation.lines(word.name)))
    if word.expectation.n_spoken == word.expectation.n_takes:
        print(caution(base.card.figures))
    print(f'"{word.name}" is in {model.card.name} ({model.folder}); listen: kws-live listen --model {model.card.name}')
    if arguments.adapt:
        print(f'to undo it: kws-live words forget "{word.name}" --model {model.card.name}')
    return 0


def _takes(arguments: argparse.Namespace, judge: Judge) -> list[Take]:
    """Return recorded takes, synthetic ones, or both."""
    takes: list[Take] = []
    if arguments.from_text:
        print("running the synthesisers ...", file=sys.stderr)
        takes = speak_takes(arguments.word, arguments.language)
    if arguments.takes:
        return _read(arguments.takes, judge, len(takes)) + takes
    if arguments.source or not arguments.from_text:
        return _record(arguments, judge) + takes
    return takes


def _read(folder: Path, judge: Judge, n_spoken: int) -> list[Take]:
    good, refused = judge.sort(read_takes(folder))
    for take, reason in refused:
        print(f"{take.name} skipped: {reason}", file=sys.stderr)
    if refused and len(good) + n_spoken < LEAST_TAKES:
        raise DatasetError(f"{len(good)} of {len(good) + len(refused)} recordings in {folder} are usable; give 3 to 10")
    return good


def _record(arguments: argparse.Namespace, judge: Judge) -> list[Take]:
    source = open_source(arguments.source or "mic:")
    try:
        print(
            f'say "{arguments.word}" {arguments.n} times to "{source.name}", each time within {SAY_SECONDS:g} s of '
            '"now"; Ctrl-C cancels without saving',
            file=sys.stderr,
        )
        return list(
            record_takes(
                source, arguments.word, arguments.n, judge.fault, lambda text: print(text, file=sys.stderr, flush=True)
            )
        )
    finally:
        source.close()
