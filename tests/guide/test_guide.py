"""Every command and snippet of the guide is run, and what it refers to is there."""

import configparser
import dataclasses
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import pytest

from kws_live.cli import COMMANDS, main
from kws_live.detection import make_settings
from kws_live.guide import TOPICS, page, title
from kws_live.guide.web import guide_pages, to_html
from kws_live.model import Model
from kws_live.sinks.binding_file import read_bindings
from kws_live.testing import FakeMicrophone
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.recipe import Recipe
from tests.conftest import DEMO
from tests.guide.blocks import Block, blocks_of, commands_of, run_command

ROOT = Path(__file__).parents[2]
NOT_RUN = re.compile(r"<!-- not run: \w.* -->")
SHOWN = ("text", "yaml", "ini", "dockerfile", "toml")
"""Kinds of blocks that hold no commands."""


def blocks(topic: str) -> list[Block]:
    return list(blocks_of((resources.files("kws_live.guide") / f"{topic}.md").read_text(encoding="utf-8")))


def file_of(topic: str, name: str) -> str:
    return next(block.text for block in blocks(topic) if block.file == name)


def test_every_topic_is_a_page_and_every_page_a_topic() -> None:
    folder = resources.files("kws_live.guide")
    assert sorted(TOPICS) == sorted(item.name.removesuffix(".md") for item in folder.iterdir() if ".md" in item.name)
    for topic in TOPICS:
        assert title(topic), topic
        assert 15 <= page(topic).count("\n") <= 150, topic


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_links_to_pages_and_names_tests_and_scripts_that_are_there(topic: str) -> None:
    text = page(topic)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.removesuffix(".md") in TOPICS, target
    for name in re.findall(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)`", text):
        assert (ROOT / "tests" / name).is_file(), name
    for name in re.findall(r"`?(scripts/\w+)", text):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("topic", TOPICS)
def test_a_block_that_is_not_run_says_why(topic: str) -> None:
    for block in blocks(topic):
        assert block.language in ("console", "python", "sh", *SHOWN), block
        if block.language == "sh":
            assert NOT_RUN.fullmatch(block.before), block.text
        elif block.language in SHOWN:
            assert not re.search(r"^(\$ |kws-live )", block.text, re.MULTILINE), block.text


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_names_commands_and_options_that_exist(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    known = capsys.readouterr().out
    for command in re.findall(r"`kws-live ([a-z][a-z-]+)", page(topic)):
        assert re.search(rf"^ +{command}\b", known, re.MULTILINE), command


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a POSIX shell")
@pytest.mark.slow
@pytest.mark.parametrize("topic", TOPICS)
def test_every_command_of_a_page_does_what_the_page_shows(topic: str, tmp_path: Path) -> None:
    found = blocks(topic)
    commands = [command for block in found if block.language == "console" for command in commands_of(block.text)]
    if not commands:
        pytest.skip("the page has no commands")
    if find_spec("tensorflow") is None and any("train" in command.line for command in commands):
        pytest.skip("training needs the extra [train]")
    for block in found:
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KWS_LIVE_", "XDG_"))}
    # This Python first: the one before it may be a shell script that takes ten times as long to start it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": path}
    for command in commands:
        run_command(command, tmp_path, environment)


def test_the_readme_is_short_and_its_figures_are_five_rows_a_table() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    for name in ("benchmark", "bench"):
        rows = text.partition(f"<!-- {name}: scripts")[2].partition(f"<!-- {name}: end")[0].splitlines()
        assert len([row for row in rows if row.startswith("|")]) == 2 + 5


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a POSIX shell")
def test_what_the_readme_shows_in_a_terminal_and_in_python_is_true(
    microphone: FakeMicrophone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(DEMO, "meeting.wav")
    found = list(blocks_of((ROOT / "README.md").read_text(encoding="utf-8")))
    for block in found:
        if block.language == "console":
            for command in commands_of(block.text):
                run_command(command, tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)})
    (program,) = (block.text for block in found if block.language == "python")
    microphone.add("yes", "stop")
    exec(compile(program, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert " s  yes  0." in out
    assert out.count("Detection(") == 10
    assert Path("commands.jsonl").read_text(encoding="utf-8").count('"detection"') >= 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_guide_or_the_readme(command: str) -> None:
    texts = [(ROOT / "README.md").read_text(encoding="utf-8"), *map(page, TOPICS)]
    assert any(re.search(rf"`{command}`|kws-live {command}\b", text) for text in texts)


PROGRAMS = [
    pytest.param(block, id=f"{topic}-{n}")
    for topic in TOPICS
    for n, block in enumerate(blocks(topic))
    if block.language == "python" and not block.file
]


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_of_a_page_runs(
    program: Block, microphone: FakeMicrophone, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    tests = "def test_" in program.text
    if not tests:
        microphone.end_with("yes", "stop", "no")
    exec(compile(program.text, "guide", "exec"), names)
    for name, test in names.items():
        if name.startswith("test_") and callable(test):
            test(microphone)
    assert tests or capsys.readouterr().out


@pytest.mark.parametrize("topic", TOPICS)
def test_every_toml_file_of_a_page_is_read(topic: str, tmp_path: Path, commands_model: Model) -> None:
    for block in blocks(topic):
        if block.language != "toml":
            continue
        values = tomllib.loads(block.text)
        path = tmp_path / block.file
        path.write_text(block.text, encoding="utf-8")
        if "binding" in values:
            assert read_bindings(path, commands_model.card.keywords)
        elif not {"architecture", "project"} & set(values):
            make_settings(commands_model).load(path)


@pytest.mark.parametrize("kind", [Recipe, AugmentationSettings])
def test_the_guide_explains_every_key_of_a_recipe(kind: type) -> None:
    explained = set(
        itertools.chain(
            *(re.findall(r"`(\w+)`", row) for row in re.findall(r"^\|([^|]+)\|", page("training"), re.MULTILINE))
        )
    )
    assert {item.name for item in dataclasses.fields(kind)} <= explained


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(file_of("servers", "kws-live.service"))
    return parser


def test_the_program_that_the_systemd_unit_starts_listens(tmp_path: Path) -> None:
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"].replace("%h", str(tmp_path)))
    assert Path(program).name == "kws-live"
    arguments[arguments.index("mic:")] = "demo:"
    subprocess.run([sys.executable, "-m", "kws_live", *arguments, "--fast"], check=True, capture_output=True)
    assert (tmp_path / "commands.jsonl").read_text(encoding="utf-8").count('"detection"') == 10


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "kws-live"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    text = file_of("servers", "kws-live.service").replace("%h/.local/bin/kws-live", str(program))

    def complaints(unit: str) -> str:
        (tmp_path / "kws-live.service").write_text(unit, encoding="utf-8")
        return subprocess.run(
            [analyze, "verify", "--user", str(tmp_path / "kws-live.service")],
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
        ).stderr  # fmt: skip

    assert "kws-live.service" in complaints(text.replace("Restart=", "Rerun="))
    assert "kws-live.service" not in complaints(text)


def test_the_services_of_the_compose_file_run_commands_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    yaml = pytest.importorskip("yaml", reason="there is nothing to read YAML with")
    services = yaml.safe_load(file_of("servers", "compose.yaml"))["services"]
    dockerfile = file_of("servers", "Dockerfile").splitlines()
    command = next(line.partition(" ")[2] for line in dockerfile if line.startswith("CMD"))
    for given in (json.loads(command), *(service["command"] for service in services.values() if "command" in service)):
        with pytest.raises(SystemExit) as ended:
            main([*given, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert [option for option in given if option.startswith("--") and option not in text] == []


def test_the_automation_is_yaml() -> None:
    yaml = pytest.importorskip("yaml", reason="there is nothing to read YAML with")
    assert yaml.safe_load(file_of("home-assistant", "automation.yaml"))[0]["action"]


def test_the_command_lists_the_topics_and_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(TOPICS)
    assert main(["guide", "modes"]) == 0
    assert capsys.readouterr().out == page("modes")
    assert main(["guide", "servers"]) == 0
    assert "<!--" not in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_in_a_terminal_a_page_goes_through_the_pager() -> None:
    import pty

    outer, inner = pty.openpty()
    program = "import sys; print('paged:', sys.stdin.readline())"
    subprocess.run(
        [sys.executable, "-m", "kws_live", "guide", "modes"], check=True, stdin=inner, stdout=inner,
        env={**os.environ, "PAGER": shlex.join([sys.executable, "-c", program]), "TERM": "xterm"},
    )  # fmt: skip
    os.close(inner)
    shown = os.read(outer, 10_000).decode()
    os.close(outer)
    assert shown.startswith(f"paged: # {title('modes')}")
    assert "## How a decision" not in shown


def test_the_web_pages_hold_every_topic_and_escape_what_is_markup() -> None:
    pages = guide_pages()
    assert set(pages) == {"guide/", *(f"guide/{topic}" for topic in TOPICS)}
    for topic in TOPICS:
        assert f'href="{topic}"' in pages["guide/"]
        assert ".md" not in re.sub(r"<code>.*?</code>", "", pages[f"guide/{topic}"], flags=re.DOTALL)
    assert to_html("a **b** *e* `<c>` [d](modes.md)") == (
        '<p>a <strong>b</strong> <em>e</em> <code>&lt;c&gt;</code> <a href="modes">d</a></p>'
    )
    assert to_html("| a | b |\n|---|---|\n| 1 | 2 |") == (
        "<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td>1</td><td>2</td></tr>\n</table>"
    )
    assert to_html("- one\n  more\n- two") == "<ul>\n<li>one\n  more</li>\n<li>two</li>\n</ul>"
    assert to_html("```sh\n$ <x>\n```") == "<figure><pre><code>$ &lt;x&gt;</code></pre></figure>"
    assert to_html("```toml a.toml\nb = 1\n```") == (
        "<figure><figcaption>a.toml</figcaption><pre><code>b = 1</code></pre></figure>"
    )
