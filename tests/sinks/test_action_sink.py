import json
import os
import sys
from pathlib import Path

import pytest

from kws_live.errors import ConfigError
from kws_live.events import NearMiss, SpeechStarted
from kws_live.sinks import open_sink
from tests.spoken import Receiver, free_port, spoken, wait_until

MISS = NearMiss(position=1, keyword="no", score=0.4, threshold=0.6, reason="")


def test_a_webhook_gets_the_words_in_order() -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        sink = open_sink(f"http://127.0.0.1:{port}/hook")
        for event in (spoken("go"), MISS, SpeechStarted(position=1), spoken("left"), spoken("stop")):
            sink.send(event)
        sink.close()
    assert [json.loads(body)["keyword"] for *_, body in receiver.requests] == ["go", "left", "stop"]


@pytest.mark.parametrize(
    ("chosen", "types"), [("all", ["detection", "near_miss", "speech_started"]), ("near_miss", ["near_miss"])]
)
def test_a_webhook_gets_the_events_named_after_the_hash_which_the_server_does_not_see(
    chosen: str, types: list[str]
) -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        sink = open_sink(f"http://127.0.0.1:{port}/hook#{chosen}")
        for event in (spoken("go"), MISS, SpeechStarted(position=1)):
            sink.send(event)
        sink.close()
    assert [json.loads(body)["type"] for *_, body in receiver.requests] == types
    assert {path for _, path, *_ in receiver.requests} == {"/hook"}


def test_a_web_server_that_goes_and_comes_back_loses_nothing_and_the_order_is_kept() -> None:
    receiver, port = Receiver(), free_port()
    sink = open_sink(f"http://127.0.0.1:{port}/")
    with receiver.serving(port):
        sink.send(spoken("go"))
        wait_until(lambda: len(receiver.requests) == 1)
    for word in ("left", "right", "stop"):
        sink.send(spoken(word))
    receiver.answers += [503]
    with receiver.serving(port):
        wait_until(lambda: len(receiver.requests) == 5)
    sink.close()
    assert [json.loads(body)["keyword"] for *_, body in receiver.requests] == ["go", "left", "left", "right", "stop"]


def test_exec_runs_a_program_for_each_word_one_after_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = tmp_path / "note.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write(sys.argv[2] + ' ')")
    quoted = [f'"{part}"' if os.name == "nt" else f"'{part}'" for part in (sys.executable, str(script), str(out))]
    sink = open_sink(f"exec:{' '.join(quoted)} {{keyword}}")
    for event in (spoken("yes"), MISS, spoken("no"), spoken("go")):
        sink.send(event)
    sink.close()
    assert out.read_text() == "yes no go "


@pytest.mark.parametrize(
    ("sink", "says"),
    [
        ("exec:", "needs a program"),
        ("exec:'half", "cannot be parsed"),
        ("exec:no-such-program-anywhere", "no such program"),
        ("http://host/#yes", "unknown events; after the # use: all, "),
        ("http:host", "is not an address"),
        ("teapot:", "unknown sink 'teapot:'; use one of jsonl:, csv:"),
    ],
)
def test_a_wrong_sink_is_told_in_one_line(sink: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as failure:
        open_sink(sink)
    assert "\n" not in str(failure.value)
