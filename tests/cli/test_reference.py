import argparse
import dataclasses
import importlib
import json
from pathlib import Path

import pytest

from kws_live.cli import COMMANDS, main
from kws_live.cli.reference import CHAPTERS, meanings
from kws_live.cli.usage import options_of, with_actions
from kws_live.events import Event, event_types
from kws_live.sinks import SCHEMES as SINKS
from kws_live.sinks.binding_file import Binding
from kws_live.sources import SCHEMES as SOURCES
from kws_live.spotting.decision_settings import DecisionSettings


@pytest.fixture(scope="module")
def parsers() -> dict[str, argparse.ArgumentParser]:
    """Every command's options."""
    made = {}
    for name in COMMANDS:
        made[name] = argparse.ArgumentParser(prog=f"kws-live {name}")
        importlib.import_module(f"kws_live.cli.{name.replace('-', '_')}").add_arguments(made[name])
    return made


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(parsers: dict[str, argparse.ArgumentParser], name: str) -> None:
    options = [action for one in with_actions(parsers[name]) for action in options_of(one)]
    assert [one.dest for one in options if one.help] == [one.dest for one in options]


@pytest.mark.parametrize("kind", [Event, *event_types().values(), DecisionSettings, Binding])
def test_every_field_has_its_meaning_in_the_docstring(kind: type) -> None:
    said = meanings(kind)
    names = [item.name for item in dataclasses.fields(kind)]
    assert [name for name in names if said.get(name)] == names


def test_the_reference_holds_every_command_event_setting_source_and_sink(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference"]) == 0
    text = capsys.readouterr().out
    for name in COMMANDS:
        assert f"## kws-live {name}: " in text
    for name in event_types():
        assert f"## {name}\n" in text
    for kind in (DecisionSettings, Binding):
        for item in dataclasses.fields(kind):
            assert f"| `{item.name}` | " in text
    for scheme in (*SOURCES, *SINKS):
        assert f"{scheme}:" in text
    assert "| `score` | float | its highest smoothed score, 0 to 1 |" in text
    assert (
        "| `within_seconds` | float | `3.0` | only if the previous word was this one, at most this long before |"
        in text
    )


def test_one_chapter_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference", "events"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# Events\n")
    assert "kws-live listen" not in text
    assert list(CHAPTERS) == ["commands", "sources", "sinks", "events", "settings", "bindings"]


@pytest.mark.slow
def test_packages_add_sources_sinks_and_models_by_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "site"
    info = package / "kws_extra-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kws-extra\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[kws_live.sources]\ntape = kws_extra:open_tape\n[kws_live.sinks]\nbell = kws_extra:Bell\n"
        "[kws_live.models]\nextra = kws_extra:FOLDER\n"
    )
    (package / "kws_extra.py").write_text(
        "from kws_live.model import find_model\n"
        "from kws_live.sources.sound_file import SoundFile\n"
        "FOLDER = find_model('commands-12')\n"
        "rung = []\n"
        "def open_tape(rest, paced):\n    return SoundFile(rest, paced=False)\n"
        "class Bell:\n"
        "    def __init__(self, rest, keywords):\n        rung.append((rest, len(keywords)))\n"
        "    def send(self, event):\n        rung.append(event.type)\n"
        "    def close(self):\n        rung.append('closed')\n"
    )
    monkeypatch.syspath_prepend(str(package))
    demo = Path(importlib.import_module("kws_live.sources").__file__ or "").parent / "demo.flac"
    assert main(["listen", "--source", f"tape:{demo}", "--sink", "bell:loud", "--model", "extra", "--json"]) == 0
    rung = importlib.import_module("kws_extra").rung
    n_events = len([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert rung[0] == ("loud", 10)
    assert rung[-1] == "closed"
    assert len(rung) == n_events + 2
    assert main(["listen", "--sink", "gong:"]) == 1
    assert "bell:" in capsys.readouterr().err
