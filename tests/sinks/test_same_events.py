"""What several sinks give of the same events."""

import json
import sqlite3
from pathlib import Path

from kws_live import listen
from kws_live.events import Event, NearMiss, SpeechStarted
from kws_live.sinks import open_sink
from kws_live.testing import FakeMicrophone, tone_model
from tests.spoken import Receiver, spoken

EVENTS: tuple[Event, ...] = (
    spoken("yes", 1.0),
    SpeechStarted(position=1, source='näme "with" signs;,\n'),
    NearMiss(position=2, keyword="no", score=0.25, threshold=0.5, reason="too quiet"),
    spoken("no", 2.0),
)


def test_every_sink_that_keeps_events_keeps_all_of_them_whole(tmp_path: Path) -> None:
    for sink in (open_sink(f"jsonl:{tmp_path / 'events.jsonl'}"), open_sink(f"sqlite:{tmp_path / 'events.db'}")):
        for event in EVENTS:
            sink.send(event)
        sink.close()
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    database = sqlite3.connect(tmp_path / "events.db")
    rows = [row[0] for row in database.execute("SELECT event FROM events ORDER BY id")]
    database.close()
    assert [json.loads(line) for line in lines] == [json.loads(row) for row in rows] == [e.to_dict() for e in EVENTS]


def test_listen_gives_its_sinks_every_event_in_order(tmp_path: Path) -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        sinks = [f"jsonl:{tmp_path / 'events.jsonl'}", f"http://127.0.0.1:{port}/#all"]
        with listen(FakeMicrophone(["yes", "no"]), model=tone_model("yes", "no"), sinks=sinks) as spotter:
            spotter.wait()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["keyword"] for event in lines if event["type"] == "detection"] == ["yes", "no"]
    assert [json.loads(body) for *_, body in receiver.requests] == lines
