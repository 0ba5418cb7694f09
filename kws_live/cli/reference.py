"""Print the reference as Markdown: every command, option, event, setting, source, sink and file format.

  kws-live reference > reference.md
  kws-live reference bindings          one chapter: commands, sources, sinks, events, settings or bindings

It is generated from the program itself. kws-live guide explains how to use all this.
"""

import argparse
import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from kws_live import sinks, sources
from kws_live.cli.usage import with_actions
from kws_live.events import Event, event_types
from kws_live.sinks import binding_file
from kws_live.spotting.decision_settings import DecisionSettings

WIDTH: Final = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", nargs="?", choices=list(CHAPTERS), help="one chapter only (default: all)")


def run(arguments: argparse.Namespace) -> int:
    for name in [arguments.chapter] if arguments.chapter else CHAPTERS:
        print(f"# {name.capitalize()}\n")
        print("\n".join(CHAPTERS[name]()))
    return 0


def meanings(kind: type) -> dict[str, str]:
    """Return the description of each field, from *Attributes* in the docstrings of a class and its parents."""
    said: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, section = inspect.cleandoc(one.__doc__ or "").partition("Attributes\n----------\n")
        # A field starts a line; continuation lines are indented.
        for entry in re.split(r"\n(?=\S)", section.partition("\n\n")[0]):
            names, colon, meaning = entry.partition(" : ")
            if colon:
                said.update(dict.fromkeys(names.split(", "), " ".join(meaning.split())))
    return said


def _table(kind: type, defaults: bool) -> Iterator[str]:
    yield f"| name | type |{' default |' if defaults else ''} meaning |"
    yield f"|---|---|{'---|' if defaults else ''}---|"
    said = meanings(kind)
    for item in dataclasses.fields(kind):
        type_name = item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type))
        if "|" in str(item.type) or "[" in str(item.type):
            type_name = str(item.type).replace("|", "or")
        default = f" {_default(item)} |" if defaults else ""
        yield f"| `{item.name}` | {type_name} |{default} {said.get(item.name, '')} |"
    yield ""


def _default(item: "dataclasses.Field[Any]") -> str:
    if item.default is not dataclasses.MISSING:
        return f"`{item.default!r}`"
    return "" if item.default_factory is dataclasses.MISSING else f"`{item.default_factory()!r}`"


def _commands() -> Iterator[str]:
    from kws_live.cli import COMMANDS

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, width=WIDTH)

    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"kws_live.cli.{name.replace('-', '_')}")
        parser = argparse.ArgumentParser(prog=f"kws-live {name}", description=module.__doc__, formatter_class=formatter)
        module.add_arguments(parser)
        yield f"## kws-live {name}: {summary}\n"
        for one in with_actions(parser):
            yield from ("```", one.format_help().rstrip(), "```", "")


def _literal(text: str | None) -> Iterator[str]:
    yield from ("```", inspect.cleandoc(text or ""), "```", "")


def _events() -> Iterator[str]:
    yield "Each event is one JSON object, `type` first; `seconds` is `position` / 22050.\n"
    kinds: dict[str, type[Event]] = {"every event": Event, **event_types()}
    for name, kind in kinds.items():
        yield from (f"## {name}", "", inspect.cleandoc(kind.__doc__ or "").splitlines()[0], "")
        yield from _table(kind, defaults=False)


def _settings() -> Iterator[str]:
    yield "The keys of a settings file (`--settings FILE`, or the default: `kws-live settings`) and the arguments of"
    yield "`LiveSettings.change`."
    yield 'In a file `[thresholds]` is a table of words, `active` a list; `gate_mode = "off"` disables the gate.\n'
    yield from _table(DecisionSettings, defaults=True)


def _bindings() -> Iterator[str]:
    yield from _literal(binding_file.__doc__)
    yield from _table(binding_file.Binding, defaults=True)


CHAPTERS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "commands": _commands,
    "sources": lambda: _literal(sources.__doc__),
    "sinks": lambda: _literal(sinks.__doc__),
    "events": _events,
    "settings": _settings,
    "bindings": _bindings,
}
