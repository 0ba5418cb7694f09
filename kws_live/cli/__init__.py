"""The command ``kws-live``: one module for each sub-command, imported only when it is used."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from kws_live.cli.signals import end_at_once, signals

if TYPE_CHECKING:
    from argparse import Namespace

# All else is imported inside: until `program` runs, a Ctrl-C would show a traceback.

COMMANDS: Final = {
    "listen": "listen to a microphone, file or pipe, and print the words",
    "tune": "watch it listen and adjust it live, on a page in the browser",
    "detect": "find words in sound files, faster than real time",
    "wyoming": "serve Home Assistant and other Wyoming clients",
    "doctor": "check whether the microphone and the machine are up to it",
    "devices": "list the microphones",
    "models": "list the models",
    "settings": "show your settings: where they lie, and what holds",
    "teach": "teach it a word of your own from a few recordings",
    "words": "manage the words you have taught",
    "dataset": "download training data",
    "prepare": "turn recordings into features for training",
    "train": "train a model",
    "evaluate": "measure a model on clips, streams, noise and speech",
    "calibrate": "fit the thresholds to your room and a limit on false alarms",
    "scan": "find words in archives of any size, on all cores",
    "make-stream": "build a labelled test recording from clips, noise and speech",
    "paper": "repeat the experiment that this project began with",
    "completion": "print what bash, zsh or fish needs to complete commands",
    "guide": "read the guide: first steps, thresholds, teaching, servers, trouble and more",
    "reference": "print every option, event, setting and file format",
}


def parse(words: list[str]) -> "Namespace":
    """Read a command line; ends with exit code 2 and the usage if it is wrong. ``run`` is the command's."""
    import argparse
    import importlib

    from kws_live.cli.usage import Parser, ShowVersion

    parser = Parser(
        prog="kws-live",
        description="Spoken commands from a live microphone, as events for your program.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="More: kws-live COMMAND --help, kws-live guide. Without a microphone: kws-live listen --source demo:",
    )
    parser.add_argument("--version", action=ShowVersion)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    in_use = parser
    # Only the module of the command in use is imported: --help must not wait for TensorFlow.
    asked = next((word for word in words if not word.startswith("-")), None)
    for name, help_text in COMMANDS.items():
        if name != asked:
            commands.add_parser(name, help=help_text)
            continue
        module = importlib.import_module(f"kws_live.cli.{name.replace('-', '_')}")
        command = commands.add_parser(
            name,
            help=help_text,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
        in_use = command
    parsed, unknown = parser.parse_known_args(words)
    if unknown:
        in_use.error(f"unrecognized arguments: {' '.join(unknown)}")
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for an error told in one line, 2 for wrong usage."""
    import io
    import logging

    from kws_live.cli.colour import coloured
    from kws_live.cli.log_lines import LogLines
    from kws_live.errors import KwsLiveError
    from kws_live.system.native_output import silence_c_stderr

    parsed = parse(list(sys.argv[1:] if arguments is None else arguments))
    silence_c_stderr()  # an error is one line of ours, without what decoders and sound systems say on the way
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be text; in JSON this is an escape as well
        sys.stdout.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, handlers=[LogLines()])
    try:
        code = _run(parsed)
        sys.stdout.flush()
    except KwsLiveError as error:
        print(f"{coloured('kws-live:', 'error', sys.stderr)} {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        return int(getattr(error, "code", 130))
    except OSError as error:
        from kws_live.cli.ending import is_output_error, is_refusal, output_broke

        if is_output_error(error):
            return output_broke(error)
        if not is_refusal(error):
            raise
        print(f"kws-live: cannot use {error.filename!r}: {error.strerror}", file=sys.stderr)
        return 1
    return code


def _run(parsed: "Namespace") -> int:
    """Run a command, and again once words that an earlier version taught have been taught anew."""
    from kws_live.errors import OutdatedWordsError

    try:
        return int(parsed.run(parsed))
    except OutdatedWordsError as error:
        from kws_live.enrolment.renewal import renew_words

        print(f"teaching the words in {error.folder} again, for they are an earlier version's ...", file=sys.stderr)
        renew_words(error.folder)
    return int(parsed.run(parsed))


def program() -> NoReturn:
    """Run the command line as a process of its own, and end it."""
    signals.install()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as a service may be started: what is printed goes nowhere
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as it runs
    try:
        code = main()
    except SystemExit as error:  # wrong usage, or --help
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        if signals.number is None:  # what an interrupt becomes in foreign code is no news
            sys.excepthook(*sys.exc_info())
        code = 1
    import logging
    import threading

    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    if signals.number is not None:
        end_at_once(signals.number)
    signals.uninstall()
    if any(thread.daemon for thread in threading.enumerate()):
        # What hangs outside this package was left behind: taking the interpreter apart around it would say
        # strange things, or hang too. All that is ours is closed by now.
        os._exit(code)
    sys.exit(code)
