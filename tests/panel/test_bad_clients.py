"""The panel over its WebSocket, as a broken page or an attacker uses it."""

import socket
from pathlib import Path

import numpy as np
import pytest

from kws_live.panel.messages import LARGEST_MESSAGE
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.panel.panel_fakes import SOUND, UNLOOKED_SAMPLES, Client, FedSource, play, words_of


def test_a_frozen_page_gets_one_frame_and_then_the_newest(source: FedSource, panel: Panel, client: Client) -> None:
    frozen = Client(panel)  # it never asks for another frame
    try:
        waiting = [frozen.receive()]  # before anything is played
        play(source, client)
        with pytest.raises(TimeoutError):
            frozen.socket.recv(timeout=0.5)
        frozen.socket.send("next")
        newest = frozen.receive()
        assert newest["position"] >= SOUND.size - UNLOOKED_SAMPLES
        assert waiting[0]["position"] < newest["position"]
        assert words_of([*waiting, newest]) == ["yes", "no", "stop"]
    finally:
        frozen.close()


BAD_MESSAGES = [
    "",
    "nonsense",
    "[]",
    "null",
    '{"type": 3}',
    '{"type": "format_disk"}',
    '{"type": "__init__"}',
    '{"type": "threshold"}',
    '{"type": "threshold", "word": "yes"}',
    '{"type": "threshold", "word": "yes", "value": "high"}',
    '{"type": "threshold", "word": "yes", "value": NaN}',
    '{"type": "threshold", "word": "yes", "value": 1e999}',
    '{"type": "threshold", "word": "yes", "value": true}',
    '{"type": "threshold", "word": "yes", "value": 0}',
    '{"type": "threshold", "word": "maybe", "value": 0.5}',
    '{"type": "threshold", "word": ["yes"], "value": 0.5}',
    '{"type": "thresholds", "values": {"yes": "a"}}',
    '{"type": "thresholds", "values": {"yes": 7}}',
    '{"type": "listen", "word": "maybe", "on": true}',
    '{"type": "listen", "word": "yes", "on": 1}',
    '{"type": "change", "name": "gate_mode", "value": 9}',
    '{"type": "change", "name": "thresholds", "value": 1}',
    '{"type": "change", "name": "refractory_seconds", "value": "x"}',
    '{"type": "change", "name": "refractory_seconds", "value": NaN}',
    '{"type": "change", "name": "mode", "value": null}',
    '{"type": "why", "position": -1}',
    '{"type": "why", "position": 1.5}',
    '{"type": "why", "position": 99999999999999999999}',
    '{"type": "why", "position": 5, "word": "maybe"}',
    '{"type": "mark", "kind": "evil", "position": 1, "word": "yes"}',
    '{"type": "mark", "kind": ["wrong"], "position": 1, "word": "yes"}',
    '{"type": "reset", "path": "/etc/passwd"}',
    '{"type": "reset", "id": "x"}',
    '{"type": "reset", "id": [1]}',
    '{"type": "save_profile", "name": "../../evil"}',
    '{"type": "save_profile", "name": "/etc/evil"}',
    '{"type": "save_profile", "name": ""}',
    '{"type": "save_profile", "name": "a\\u0000b"}',
    '{"type": "save_profile", "name": "a\\n"}',
    '{"type": "load_profile", "name": "nowhere"}',
    '{"type": "load_profile", "name": "..\\\\x"}',
    '{"type": "teach", "word": "lights/on"}',
    '{"type": "teach", "word": ""}',
    '{"type": "teach", "word": "yes"}',
    '{"type": "teach", "word": "lamp", "model": "/tmp"}',
    '{"type": "forget", "model": "..", "word": "lamp"}',
    '{"type": "forget", "model": "commands-12", "word": "yes"}',
    '{"type": "rename", "model": "/etc", "word": "lamp", "new": "light"}',
    '{"type": "rename", "model": "my-words", "word": "lamp"}',
    "[" * 3000,
    '{"type": "reset"' + " " * LARGEST_MESSAGE + "}",
    "x" * 900_000,
]


def test_a_bad_message_gets_an_error_and_closes_nothing(client: Client, spotter: Spotter, tmp_path: Path) -> None:
    before = spotter.settings.snapshot()
    for text in BAD_MESSAGES:
        answer = client.ask_raw(text)
        assert answer["type"] == "error", text[:80]
        assert "\n" not in answer["message"]
    assert client.ask_raw(b"\xff\x00binary")["type"] == "error"
    assert spotter.settings.snapshot() is before
    assert list(tmp_path.rglob("*")) == []
    assert client.ask("profiles")["profiles"] == []  # and it still answers


WRONG_VALUES = [
    ("gate_mode", "2"), ("gate_mode", 9), ("gate_mode", True), ("gate_mode", 10**300),
    ("refractory_seconds", "1"), ("refractory_seconds", None), ("refractory_seconds", -1), ("refractory_seconds", []),
    ("mode", None), ("mode", 1), ("mode", "both"), ("mode", {}),
    ("smoothing_hops", 2.5), ("active", "yes"), ("near_miss", None), ("thresholds", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_VALUES)
def test_a_wrong_value_is_one_line_on_the_page_and_listening_goes_on(
    source: FedSource, client: Client, name: str, value: object
) -> None:
    answer = client.ask("change", name=name, value=value)
    assert answer["type"] == "error"
    assert answer["message"].isprintable()

    assert words_of(play(source, client)) == ["yes", "no", "stop"]


def test_pages_that_leave_in_the_middle_leave_no_line_in_the_log(
    panel: Panel, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "asyncio")
    for _ in range(3):
        leaving = Client(panel)
        for _ in range(500):
            leaving.socket.send("nonsense" * 50)
        leaving.socket.socket.shutdown(socket.SHUT_RDWR)
        leaving.close()
    assert client.ask("profiles")["type"] == "profiles"
    assert [line for line in caplog.messages if "socket.send()" in line] == []


def test_the_detector_is_never_waited_for(source: FedSource, spotter: Spotter, panel: Panel) -> None:
    """Pages that are opened, steered and left open cost no sound."""
    pages = [Client(panel) for _ in range(3)]
    source.feed(np.tile(SOUND, 3))
    for page in pages:
        page.ask("hindsight", values={"yes": 0.3})
    pages[0].frames_until(3 * SOUND.size - UNLOOKED_SAMPLES)
    figures = spotter.statistics()
    assert figures.hops > 0
    assert figures.samples_skipped == 0
    for page in pages:
        page.close()
