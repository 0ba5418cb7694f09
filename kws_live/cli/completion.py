"""Print the script with which a shell completes commands, options and choices.

eval "$(kws-live completion bash)"                                        in ~/.bashrc
eval "$(kws-live completion zsh)"                                         in ~/.zshrc, after compinit
kws-live completion fish > ~/.config/fish/completions/kws-live.fish
"""

import argparse
import importlib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from kws_live.cli.usage import may_be_repeated, options_of, with_actions


@dataclass(frozen=True)
class Option:
    """An option: its names, help, whether it takes a value, the possible values, and whether it can be repeated."""

    names: tuple[str, ...]
    help: str
    takes_value: bool
    choices: tuple[str, ...]
    repeats: bool


@dataclass(frozen=True)
class Command:
    """A command: its name, help, options, and the possible values of its first argument."""

    name: str
    help: str
    options: tuple[Option, ...]
    choices: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(SHELLS), help="the shell")


def run(arguments: argparse.Namespace) -> int:
    print("\n".join(SHELLS[arguments.shell](list(_commands()))))
    return 0


def _commands() -> Iterator[Command]:
    from kws_live.cli import COMMANDS

    for name, help_text in COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f"kws-live {name}")
        importlib.import_module(f"kws_live.cli.{name.replace('-', '_')}").add_arguments(parser)
        options = {
            tuple(action.option_strings): Option(
                tuple(action.option_strings),
                re.sub(r"\s+", " ", (action.help or "") % {**vars(action), "prog": "kws-live"}),
                action.nargs != 0,
                tuple(map(str, action.choices or ())),
                may_be_repeated(action),
            )
            for one in with_actions(parser)
            for action in options_of(one)
            if action.option_strings
        }
        words = (action.choices for action in options_of(parser) if not action.option_strings and action.choices)
        yield Command(name, help_text, tuple(options.values()), tuple(map(str, next(words, ()))))


def _bash(commands: list[Command]) -> Iterator[str]:
    yield "_kws_live() {"
    yield "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words="
    yield '    case "${COMP_WORDS[1]} $before" in'
    for command in commands:
        for option in command.options:
            if option.takes_value:
                names = "|".join(f'"{command.name} {name}"' for name in option.names)
                yield f'        {names}) words="{" ".join(option.choices)}" ;;'
    names_of_all = " ".join(command.name for command in commands)
    yield '        *) case "$COMP_CWORD $current ${COMP_WORDS[1]}" in'
    yield f'            1\\ *) words="--help --version {names_of_all}" ;;'
    for command in commands:
        names = " ".join(name for option in command.options for name in option.names)
        yield f'            *\\ -*\\ {command.name}) words="{names}" ;;'
        if command.choices:
            yield f'            *\\ {command.name}) words="{" ".join(command.choices)}" ;;'
    yield "        esac ;;"
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$current"))'
    yield "}"
    yield "complete -o default -F _kws_live kws-live"


def _zsh(commands: list[Command]) -> Iterator[str]:
    def quoted(text: str) -> str:
        return re.sub(r"([\[\]:\\])", r"\\\1", text)

    yield "#compdef kws-live"
    yield "_kws_live() {"
    yield "    local -a commands=("
    for command in commands:
        yield f"        {shlex.quote(f'{command.name}:{quoted(command.help)}')}"
    yield "    )"
    yield "    if (( CURRENT == 2 )); then"
    yield "        _describe command commands"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words"
    yield "    (( CURRENT-- ))"
    yield "    case $command in"
    for command in commands:
        specs = [_zsh_spec(option, name, quoted) for option in command.options for name in option.names]
        if command.choices:
            specs.append(shlex.quote(f"1:word:({' '.join(command.choices)})"))
        specs.append("'*:file:_files'")
        yield f"        {command.name}) _arguments -S {' '.join(specs)} ;;"
    yield "    esac"
    yield "}"
    yield 'if [[ $funcstack[1] == _kws_live ]]; then _kws_live "$@"; else compdef _kws_live kws-live; fi'


def _zsh_spec(option: Option, name: str, quoted: Callable[[str], str]) -> str:
    values = f"({' '.join(option.choices)})" if option.choices else "_files"
    value = f":value:{values}" if option.takes_value else ""
    others = "*" if option.repeats else f"({' '.join(option.names)})"
    return shlex.quote(f"{others}{name}[{quoted(option.help)}]{value}")


def _fish(commands: list[Command]) -> Iterator[str]:
    def quoted(words: Iterable[str]) -> str:
        return "'" + " ".join(words).replace("\\", "\\\\").replace("'", "\\'") + "'"

    yield "complete -c kws-live -n __fish_use_subcommand -l help -d 'show the commands'"
    yield "complete -c kws-live -n __fish_use_subcommand -l version -d 'show the version'"
    for command in commands:
        yield f"complete -c kws-live -f -n __fish_use_subcommand -a {command.name} -d {quoted([command.help])}"
    for command in commands:
        begin = f"complete -c kws-live -n '__fish_seen_subcommand_from {command.name}'"
        for option in command.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = f" -x -a {quoted(option.choices)}" if option.choices else " -r" if option.takes_value else ""
            yield f"{begin} {names}{value} -d {quoted([option.help])}"
        if command.choices:
            yield f"{begin} -f -a {quoted(command.choices)}"


SHELLS: Final[dict[str, Callable[[list[Command]], Iterator[str]]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
