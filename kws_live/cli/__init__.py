"""The command ``kws-live``: one module per sub-command, imported only when it is used."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from kws_live.cli.signals import end_at_once, signals

if TYPE_CHECKING:
    from argparse import Namespace

# Everything else is imported inside functions: until `program` runs, Ctrl-C would show a traceback.

COMMANDS: Final = {
    "listen": "listen to a microphone, file or pipe, and print the words",
    "tune": "watch and tune listening live, on a page in the browser",
    "detect": "find words in sound files, faster than real time",
    "wyoming": "serve Home Assistant and other Wyoming clients",
    "doctor": "check the microphone and the machine",
    "devices": "list the microphones",
    "models": "list the models",
    "settings": "show your settings: their location and the values in effect",
    "teach": "teach your own word from a few recordings",
    "words": "manage the words you have taught",
    "dataset": "download training data",
    "prepare": "turn recordings into features for training",
    "train": "train a model",
    "evaluate": "measure a model on clips, streams, noise and speech",
    "calibrate": "adapt the thresholds to your room within a budget of false accepts",
    "scan": "find words in archives of any size, on all cores",
    "make-stream": "build a labelled test recording from clips, noise and speech",
    "paper": "repeat the experiment from which this project started",
    "completion": "print the completion script for bash, zsh or fish",
    "guide": "read the guide: first steps, thresholds, teaching, servers, troubleshooting and more",
    "reference": "print every option, event, setting and file format",
}


def parse(words: list[str]) -> "Namespace":
    """Parse a command line; exits with code 2 and the usage if it is wrong. ``run`` is the command's function."""
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
    # Only the module of the chosen command is imported: --help must not wait for TensorFlow.
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
    if not words:
        parser.print_help(sys.stderr)
        parser.exit(2)
    parsed, unknown = parser.parse_known_args(words)
    if unknown:
        in_use.error(f"unrecognized arguments: {' '.join(unknown)}")
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for an error reported in one line, 2 for wrong usage."""
    import io
    import logging

    from kws_live.cli.colour import coloured
    from kws_live.cli.log_lines import LogLines
    from kws_live.errors import KwsLiveError
    from kws_live.system.native_output import silence_c_stderr

    parsed = parse(list(sys.argv[1:] if arguments is None else arguments))
    silence_c_stderr()  # an error is one line, without the output of decoders and sound systems
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name need not be valid text; in JSON this is an escape too
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
    """Run a command; if its words were taught with an earlier version, teach them again and rerun it."""
    from kws_live.errors import OutdatedWordsError

    try:
        return int(parsed.run(parsed))
    except OutdatedWordsError as error:
        from kws_live.enrolment.renewal import renew_words

        print(f"teaching the words in {error.folder} again: they are from an earlier version ...", file=sys.stderr)
        with signals.interrupting():  # a model half written is removed
            renew_words(error.folder)
    return int(parsed.run(parsed))


def program() -> NoReturn:
    """Run the command line as a separate process, and end the process."""
    signals.install()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as in some services: discard the output
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - stays open
    try:
        code = main()
    except SystemExit as error:  # wrong usage, or --help
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        if signals.number is None:  # after a signal, errors from foreign code do not matter
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
        # A thread hangs in foreign code: shutting down the interpreter around it could print confusing errors
        # or hang as well. Everything that belongs to this package is closed by now.
        os._exit(code)
    sys.exit(code)
