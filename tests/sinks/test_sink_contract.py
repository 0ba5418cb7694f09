"""One contract for every sink, found by walking the package: a new one cannot be forgotten."""

import importlib
import inspect
import json
import pkgutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from spoken import Receiver, spoken

import kws_live.sinks
from kws_live.actions.http_request import HttpRequest
from kws_live.errors import ConfigError
from kws_live.events import Event, NearMiss, SpeechStarted
from kws_live.sinks import SCHEMES, EventSink, open_sink
from kws_live.sinks.action_sink import ActionSink
from kws_live.sinks.bindings import Bindings
from kws_live.sinks.csv_file import CsvFile
from kws_live.sinks.json_lines import JsonLines
from kws_live.sinks.mqtt import Mqtt
from kws_live.sinks.sqlite_file import SqliteFile
from kws_live.sinks.websocket_server import WebsocketServer

EVENTS: tuple[Event, ...] = (
    spoken("yes", 1.0),
    SpeechStarted(position=1, source='näme "with" signs;,\n'),
    NearMiss(position=2, keyword="no", score=0.25, threshold=0.5, reason="too quiet"),
    spoken("no", 2.0),
)


def bindings(folder: Path) -> EventSink:
    path = folder / "commands.toml"
    path.write_text('[[binding]]\nhttp = "http://127.0.0.1:1/"\n')
    return Bindings(path)


MAKERS: dict[type, Callable[[Path], EventSink]] = {
    JsonLines: lambda folder: JsonLines(str(folder / "events.jsonl")),
    CsvFile: lambda folder: CsvFile(str(folder / "events.csv")),
    SqliteFile: lambda folder: SqliteFile(str(folder / "events.db")),
    ActionSink: lambda _: ActionSink(HttpRequest("http://127.0.0.1:1/"), "nobody there"),
    Mqtt: lambda _: Mqtt("mqtt://127.0.0.1:1/nobody/there"),
    WebsocketServer: lambda _: WebsocketServer("ws://127.0.0.1:0"),
    Bindings: bindings,
}


def every_sink() -> Iterator[type]:
    for info in pkgutil.iter_modules(kws_live.sinks.__path__):
        module = importlib.import_module(f"kws_live.sinks.{info.name}")
        for name, thing in inspect.getmembers(module, inspect.isclass):
            is_own = thing.__module__ == module.__name__ and not name.startswith("_")
            if is_own and hasattr(thing, "send") and hasattr(thing, "close"):
                yield thing


def test_every_sink_of_the_package_is_tested_here() -> None:
    assert set(every_sink()) == set(MAKERS)


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
def test_it_takes_every_event_without_waiting_for_anybody_and_may_be_closed_twice(kind: type, tmp_path: Path) -> None:
    sink = MAKERS[kind](tmp_path)
    for event in EVENTS:
        sink.send(event)
    sink.close()
    sink.close()


def test_every_sink_that_keeps_events_keeps_all_of_them_whole(tmp_path: Path) -> None:
    for kind in (JsonLines, SqliteFile):
        sink = MAKERS[kind](tmp_path)
        for event in EVENTS:
            sink.send(event)
        sink.close()
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    database = sqlite3.connect(tmp_path / "events.db")
    rows = [row[0] for row in database.execute("SELECT event FROM events ORDER BY id")]
    database.close()
    assert [json.loads(line) for line in lines] == [json.loads(row) for row in rows] == [e.to_dict() for e in EVENTS]


def test_every_scheme_is_told_in_the_modules_docstring_and_in_the_message_for_an_unknown_one() -> None:
    assert kws_live.sinks.__doc__ is not None
    for scheme in SCHEMES:
        assert f"{scheme}:" in kws_live.sinks.__doc__
        with pytest.raises(ConfigError, match=f"{scheme}:"):
            open_sink("teapot:")


def test_listen_gives_its_sinks_every_event_in_order(tmp_path: Path) -> None:
    from kws_live import listen
    from kws_live.testing import FakeMicrophone, tone_model

    receiver = Receiver()
    with receiver.serving() as port:
        sinks = [f"jsonl:{tmp_path / 'events.jsonl'}", f"http://127.0.0.1:{port}/#all"]
        with listen(FakeMicrophone(["yes", "no"]), model=tone_model("yes", "no"), sinks=sinks) as spotter:
            spotter.wait()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["keyword"] for event in lines if event["type"] == "detection"] == ["yes", "no"]
    assert [json.loads(body) for *_, body in receiver.requests] == lines
