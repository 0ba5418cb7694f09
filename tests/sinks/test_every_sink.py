"""One contract for every sink, found by walking the package: a new one cannot be forgotten."""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kws_live.sinks
from kws_live import listen
from kws_live.errors import ConfigError
from kws_live.events import (
    AudioSkipped,
    Detection,
    Event,
    EventsDropped,
    NearMiss,
    SourceLost,
    SpeechEnded,
    SpeechStarted,
)
from kws_live.sinks import SCHEMES, EventSink, open_sink, optional
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.testing import FakeMicrophone, tone_model

EVENTS = [
    SpeechStarted(position=22_050, source="test"),
    Detection(keyword="yes", score=0.98765, position=44_100, decided_position=50_000, source='a "b"\n\udcff'),
    NearMiss(keyword="no", score=0.4, threshold=0.5, reason="the score stayed below", position=3, source="ß"),
    AudioSkipped(position=2**40, n_samples=5),
    EventsDropped(position=1, n_events=2),
    SourceLost(position=1, reason="gone"),
    SpeechEnded(position=60_000),
]
NAMES: dict[str, Callable[[Path], str]] = {
    "JsonLines": lambda folder: f"jsonl:{folder / 'events.jsonl'}",
    "CsvFile": lambda folder: f"csv:{folder / 'events.csv'}",
    "SqliteFile": lambda folder: f"sqlite:{folder / 'events.db'}",
    "ActionSink": lambda folder: f"exec:{sys.executable} -c pass",
    "WebsocketServer": lambda folder: "ws://127.0.0.1:0",
}
NEED_MORE = {"Mqtt", "Bindings", "Clips"}  # a server, a file or the sound: they have tests of their own


def every_sink() -> Iterator[str]:
    for info in pkgutil.iter_modules(kws_live.sinks.__path__):
        module = importlib.import_module(f"kws_live.sinks.{info.name}")
        for name, thing in inspect.getmembers(module, inspect.isclass):
            is_own = thing.__module__ == module.__name__ and not name.startswith("_")
            if is_own and hasattr(thing, "send") and hasattr(thing, "close"):
                yield name


def test_every_sink_of_the_package_is_tested() -> None:
    assert set(every_sink()) == {*NAMES, *NEED_MORE}


@pytest.fixture(params=list(NAMES.values()), ids=list(NAMES))
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventSink]:
    opened = open_sink(request.param(tmp_path), ("yes", "no"))
    yield opened
    opened.close()


def test_it_takes_every_event_and_may_be_closed_twice(sink: EventSink) -> None:
    for event in EVENTS:
        sink.send(event)
    sink.close()
    sink.close()


def test_every_scheme_is_told_in_the_modules_docstring() -> None:
    assert kws_live.sinks.__doc__ is not None
    for scheme in SCHEMES:
        assert f"{scheme}:" in kws_live.sinks.__doc__


@pytest.mark.parametrize("name", ["jsonlines", "ftp:x", "", ":", "events.jsonl"])
def test_an_unknown_scheme_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown sink '{name}'; use one of .*jsonl:"):
        open_sink(name)


NAMED = [
    ("jsonl:{folder}/e.jsonl", "jsonl:{folder}/e.jsonl"),
    ("csv:{folder}/e.csv", "csv:{folder}/e.csv"),
    ("sqlite:{folder}/e.db", "sqlite:{folder}/e.db"),
    (f"exec:{sys.executable} -c pass", f"exec:{sys.executable}"),
    ("http://me:S3CRET@127.0.0.1:1/S3CRET#all", "http://127.0.0.1:1/..."),
    ("https://me:S3CRET@127.0.0.1:1/S3CRET", "https://127.0.0.1:1/..."),
    ("mqtt://me:S3CRET@127.0.0.1:1/home/voice", "mqtt://127.0.0.1:1/home/voice"),
    ("mqtts://me:S3CRET@127.0.0.1/home?discovery=ha", "mqtts://127.0.0.1/home"),
    ("ws://127.0.0.1:0?origin=http://house:8123", "ws://127.0.0.1:0"),
    ("clips:{folder}/kept?megabytes=5", "clips:{folder}/kept"),
    ("bindings:{folder}/do.toml", "bindings:{folder}/do.toml"),
]


@pytest.mark.parametrize(("given", "name"), NAMED, ids=[given.partition(":")[0] for given, _ in NAMED])
def test_messages_name_a_sink_as_it_was_given_without_secrets(
    given: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a long path would be cut
    Path("here").mkdir()
    Path("here/do.toml").write_text("[[binding]]\nshell = 'true'\n")
    sink = open_sink(given.format(folder="here"), ("yes",))
    assert optional.name_of(sink, "") == name.format(folder="here")
    sink.close()


def test_every_scheme_is_named_in_messages() -> None:
    assert {given.partition(":")[0] for given, _ in NAMED} == {*SCHEMES}


# JSON lines.


def test_every_event_is_one_line_of_json_and_appended_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        sink = open_sink(f"jsonl:{path}")
        for event in EVENTS:
            sink.send(event)
        lines = path.read_text(encoding="utf-8").splitlines()  # before close
        sink.close()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [row["type"] for row in rows] == 2 * [event.type for event in EVENTS]
    assert rows[1] == {
        "type": "detection", "keyword": "yes", "score": 0.9877, "decided_position": 50_000, "margin": 0.0,
        "word_begin_position": None, "word_end_position": None, "level_db": None, "snr_db": None,
        "seconds": 2.0, "position": 44_100, "source": 'a "b"\n\udcff',
    }  # fmt: skip
    assert rows[3]["seconds"] == round(2**40 / 22_050, 3)


def test_a_dash_is_standard_output_and_stays_open(capsys: pytest.CaptureFixture[str]) -> None:
    sink = open_sink("jsonl:-")
    sink.send(EVENTS[0])
    sink.close()
    sys.stdout.write("still open\n")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["type"] == "speech_started"
    assert second == "still open"


@pytest.mark.parametrize(("path", "said"), [("", "needs a path"), (f"{__file__}/x", "Not a directory"), ("/", "'/'")])
def test_a_file_that_cannot_be_written_says_so(path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_sink(f"jsonl:{path}")


# What is no sink.

UNUSABLE = [
    *(f"{kind}:{path}" for kind in ("jsonl", "csv", "sqlite", "bindings") for path in ("\0", "~no-such-user/x", "/")),
    "clips:~no-such-user/x", "clips:\0", "exec:~no-such-user/x", "exec:\0", f"exec:{sys.executable} \0",
    "exec:" + "a" * 140_000, "exec:'" + "a" * 140_000,
    "http://[::1/a", "http://ho st/", "http://host:99999/", "http:user:S3CRET@host", "http://user:S3CRET@:80/",
    "http://user:S3CRET@host#S3CRET", "HTTP://user:S3CRET@host/S3CRET", "https+x://user:S3CRET@host/S3CRET",
    "mqtt://[::1/a", "mqtt://user:S3CRET@host", "mqtt://user:S3CRET@host/a/+", "mqtt://user:S3CRET@host/a?x=S3CRET",
    "mqtt://user:S3CRET@host:99999/a", "mqtt://user:S3CRET@host/a#b", "mqtt:user:S3CRET@host/a", "mqtt://user:S3CRET@/a",
    "mqtt://user:S3CRET/${NOT_THERE}@host/a", "http://user:S3CRET${NOT_THERE}@host/a",
]  # fmt: skip


@pytest.mark.parametrize("sink", UNUSABLE, ids=lambda sink: ascii(sink)[:40])
def test_what_cannot_be_used_is_refused_in_one_short_line_without_secrets(sink: str) -> None:
    with pytest.raises(ConfigError) as failure:
        open_sink(sink)
    said = str(failure.value)
    assert said.isprintable()
    assert len(said) < 500
    assert "S3CRET" not in said


@pytest.mark.parametrize(
    "source", ["raise SystemError('of a driver')", "def Sink(rest, words): return 1 / 0", "import no_such"]
)
def test_a_sink_of_another_package_that_fails_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    (tmp_path / "added_sink.py").write_text(source)
    info = tmp_path / "added-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[kws_live.sinks]\nadded = added_sink:Sink\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "added_sink", raising=False)
    with pytest.raises(
        ConfigError, match=r"the sink added: of added_sink:Sink cannot be opened: \w+Error: "
    ) as failure:
        open_sink("added:x")
    assert "\n" not in str(failure.value)


class Plain:
    """Only what every sink must have."""

    def send(self, event: Event) -> None: ...

    def close(self) -> None: ...


class Whole(Plain):
    """And what a sink may have."""

    name, oldest_seconds, n_lost = "whole", 5, 3


def test_what_a_sink_may_leave_out_has_a_default_and_what_it_says_counts() -> None:
    plain, whole = Plain(), Whole()
    assert (optional.name_of(plain, "it"), optional.oldest_seconds(plain), optional.n_lost(plain)) == ("it", 60.0, 0)
    assert (optional.name_of(whole, "it"), optional.oldest_seconds(whole), optional.n_lost(whole)) == ("whole", 5.0, 3)


class Curious(Plain):
    """Wants the sound and the settings."""

    def __init__(self) -> None:
        self.given: list[object] = []

    def hear(self, ring: RingBuffer) -> None:
        self.given.append(ring)

    def steer(self, settings: optional.Settings) -> None:
        self.given.append(settings)


def test_a_spotter_gives_its_sinks_what_they_ask_for() -> None:
    first, second = Curious(), Curious()
    with listen(FakeMicrophone(["yes"]), model=tone_model("yes"), sinks=[first, Plain()]) as spotter:
        spotter.send_to(second)
        for one in (first, second):
            assert [id(thing) for thing in one.given] == [id(spotter.ring), id(spotter.settings)]
