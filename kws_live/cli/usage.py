"""A command-line parser that suggests corrections."""

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Exits with code 2, the usage, and a suggestion if a command, choice or option is misspelt."""

    def error(self, message: str) -> NoReturn:
        super().error(message + self._suggestion(message))

    def _suggestion(self, message: str) -> str:
        if found := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            meant, known = found[1], re.findall(r"[\w.-]+", found[2])
        elif found := re.search(r"unrecognized arguments: (?:.* )?(--?[\w-]+)", message):
            meant = found[1]
            known = [name for one in with_actions(self) for action in options_of(one) for name in action.option_strings]
        else:
            return ""
        near = difflib.get_close_matches(meant, known, n=1)
        return f"\ndid you mean {near[0]}?" if near else ""


def options_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return options and positional arguments; argparse has no public way to list them."""
    return parser._actions


def may_be_repeated(option: argparse.Action) -> bool:
    """Whether an option can be repeated."""
    return isinstance(option, argparse._AppendAction)


def with_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a command's parser and those of its actions, such as ``dataset download``."""
    yield parser
    for action in options_of(parser):
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


class ShowVersion(argparse.Action):
    """Print the versions of everything that affects detection, and exit."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="show the versions of program and model")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from kws_live import __version__
        from kws_live.model import load_model

        card = load_model().card
        print(
            f"kws-live {__version__}, model {card.name} {card.network_sha256[:12]}, "
            f"Python {sys.version.split()[0]} on {sys.platform}"
        )
        parser.exit()
