"""The fenced blocks of a Markdown page, and how they are run."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"(?P<before>[^\n]*)\n```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file it is the text of, its text, and the line before it."""

    language: str
    file: str
    text: str
    before: str


def blocks_of(markdown: str) -> Iterator[Block]:
    for found in FENCE.finditer(markdown):
        language, _, file = found["info"].partition(" ")
        yield Block(language, file.strip(), found["text"], found["before"])


@dataclass(frozen=True)
class Command:
    """A line of a ``console`` block that begins with a dollar sign, and what it should print."""

    line: str
    output: str


def commands_of(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line, output)


def run_command(command: Command, folder: Path, environment: dict[str, str]) -> None:
    """Run a line in a shell, and compare what it prints if the page shows anything; ``...`` is any text."""
    functions = f'kws-live() {{ "{sys.executable}" -m kws_live "$@"; }}; python3() {{ "{sys.executable}" "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", functions + command.line],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"$ {command.line}\n{done.stderr}"
    if command.output:
        expected = ".*".join(re.escape(part) for part in re.split(r"\.\.\.\n?", command.output.strip("\n")))
        assert re.fullmatch(expected, done.stdout.strip("\n"), re.DOTALL), f"$ {command.line}\n{done.stdout}"
