"""The panel from outside, over its WebSocket, as a page or an attacker would."""

import http.client
import json
import re
import socket
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

import kws_live
from kws_live.audio import SAMPLE_RATE_HZ, Samples, float_to_pcm16
from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.panel.messages import LARGEST_MESSAGE
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from kws_live.spotting.pipeline import HOP_SAMPLES, QUIET_HOPS
from tests.fakes import decision_settings, tone_words
from tests.panel.panel_fakes import PATIENCE_SECONDS, Client, FedSource, ToneModel, cookie_of

SOUND = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0)], 6.0)


UNLOOKED_SAMPLES = (QUIET_HOPS + 1) * HOP_SAMPLES
"""While nothing is spoken, so much may wait to be looked at."""


@pytest.fixture
def panel(spotter: Spotter, tmp_path: Path) -> Iterator[Panel]:
    with Panel(spotter, port=0, folder=tmp_path / "chosen") as running:
        yield running


@pytest.fixture
def client(panel: Panel) -> Iterator[Client]:
    one = Client(panel)
    yield one
    one.close()


def play(source: FedSource, client: Client, sound: Samples = SOUND) -> list[dict[str, Any]]:
    """Feed a sound and wait until the page has seen it."""
    source.feed(sound)
    return client.frames_until(sound.size - UNLOOKED_SAMPLES)


def events_of(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for frame in frames for event in frame["events"] if event["type"] == "detection"]


def words_of(frames: list[dict[str, Any]]) -> list[str]:
    return [event["keyword"] for event in events_of(frames)]


def test_a_page_is_told_what_is_heard(source: FedSource, client: Client) -> None:
    frames = play(source, client)
    assert client.hello["words"] == ["yes", "no", "stop"]
    assert words_of(frames) == ["yes", "no", "stop"]
    assert frames[0]["settings"]["thresholds"] == {"yes": 0.6, "no": 0.6, "stop": 0.6}


def test_a_slider_counts_from_the_very_next_hop(source: FedSource, client: Client, spotter: Spotter) -> None:
    seen = []
    spotter.watch(lambda step: seen.append(step.verdict))
    play(source, client, SOUND[: round(1.2 * SAMPLE_RATE_HZ)])
    assert client.ask("threshold", word="yes", value=1.0)["type"] == "threshold"
    before = round(1.2 * SAMPLE_RATE_HZ)
    rest = SOUND[before:]
    source.feed(rest)
    frames = client.frames_until(SOUND.size - UNLOOKED_SAMPLES)
    assert {verdict.settings.thresholds["yes"] for verdict in seen if verdict and verdict.hop.position > before} == {
        1.0
    }
    assert words_of(frames) == ["no", "stop"]


def test_a_slider_stops_a_word_from_firing_and_back(source: FedSource, client: Client) -> None:
    sound = tone_words([("yes", 1.0)], 3.0)
    fired: list[int] = []
    for value in (0.6, 1.0, 0.6):
        client.ask("threshold", word="yes", value=value)
        end = len(fired) * sound.size + sound.size
        source.feed(sound)
        frames = client.frames_until(end - UNLOOKED_SAMPLES)
        fired.append(len(words_of(frames)))
    assert fired == [1, 0, 1]


def settings_after(client: Client, changed: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next settings a page is told that are as they should be."""
    while True:
        settings = client.frame().get("settings")
        if settings is not None and changed(settings):
            return dict(settings)


def test_two_pages_python_and_the_settings_file_agree(
    panel: Panel, client: Client, spotter: Spotter, tmp_path: Path
) -> None:
    other = Client(panel)
    try:
        client.ask("threshold", word="no", value=0.31)
        assert settings_after(other, lambda now: now["thresholds"]["no"] == 0.31)
        spotter.settings.change(mode="command")
        for page in (client, other):
            assert settings_after(page, lambda now: now["mode"] == "command")["thresholds"]["no"] == 0.31
        (tmp_path / "room.toml").write_text("[thresholds]\nyes = 0.77\n")
        spotter.settings.load(tmp_path / "room.toml")
        assert settings_after(other, lambda now: now["thresholds"]["yes"] == 0.77)["thresholds"]["no"] == 0.6
        other.ask("reset")
        assert settings_after(client, lambda now: now["thresholds"]["yes"] == 0.6)
    finally:
        other.close()


def test_words_gate_mode_and_rest_are_set(client: Client, spotter: Spotter) -> None:
    client.ask("listen", word="no", on=False)
    client.ask("change", name="gate_mode", value=3)
    client.ask("change", name="refractory_seconds", value=2.5)
    client.ask("change", name="mode", value="command")
    now = spotter.settings.snapshot()
    assert (now.active, now.gate_mode, now.refractory_seconds, now.mode) == (
        frozenset({"yes", "stop"}),
        3,
        2.5,
        "command",
    )
    client.ask("listen", word="no", on=True)
    client.ask("change", name="gate_mode", value=None)
    assert (spotter.settings.snapshot().active, spotter.settings.snapshot().gate_mode) == (None, None)


def test_hindsight_equals_detecting_anew_with_that_threshold(source: FedSource, client: Client) -> None:
    # "no" is spoken more softly, so it scores lower.
    sound = np.concatenate(
        (SOUND[: 2 * SAMPLE_RATE_HZ], 0.7 * SOUND[2 * SAMPLE_RATE_HZ : 4 * SAMPLE_RATE_HZ], SOUND[4 * SAMPLE_RATE_HZ :])
    )
    play(source, client, sound)
    expected_counts = []
    for value in (0.2, 0.6, 0.8, 1.0):
        answer = client.ask("hindsight", values={"no": value})
        wanted = decision_settings(gate_mode=None, thresholds={"yes": 0.6, "no": value, "stop": 0.6})
        events = kws_live.detect(sound, model=ToneModel(), settings=LiveSettings(wanted))
        detected = [event.keyword for event in events if isinstance(event, Detection)]
        kept = answer["counts"]["stayed"].get("no", 0) + answer["counts"]["come"].get("no", 0)
        assert kept == detected.count("no")
        assert sum(one["fate"] != "gone" for one in answer["events"]) == len(detected)
        expected_counts.append(kept)
    assert sorted(set(expected_counts)) == [0, 1]  # the thresholds do make a difference


def test_why_comes_with_the_second_of_sound_and_its_mfcc(source: FedSource, client: Client) -> None:
    import base64

    [yes, *_] = events_of(play(source, client))
    told = client.ask("why", position=yes["moment"], word="yes")
    assert told["reason"] == "FIRED"
    assert told["top"][0]["label"] == "yes"
    assert told["opinions"] == [told["top"][0]["score"]] * 2
    end = told["position"]
    assert base64.b64decode(told["sound"])[44:] == float_to_pcm16(SOUND[end - SAMPLE_RATE_HZ : end]).tobytes()
    assert len(base64.b64decode(told["mfcc"]["data"])) == 98 * told["mfcc"]["rows"]


@pytest.mark.twin("test_why_comes_with_the_second_of_sound_and_its_mfcc")
def test_where_one_network_was_asked_there_are_no_two_opinions(source: FedSource, client: Client) -> None:
    play(source, client)
    assert client.ask("why", position=SAMPLE_RATE_HZ // 2)["opinions"] == []


def test_feedback_writes_the_right_second_and_nothing_before_it_is_turned_on(
    source: FedSource, client: Client, tmp_path: Path
) -> None:
    events = events_of(play(source, client))
    answer = client.ask("mark", kind="wrong", position=events[1]["position"], word="no")
    assert (answer["type"], answer["message"]) == ("error", "nothing is saved before you turn it on")
    assert not (tmp_path / "chosen").exists()
    client.ask("saving", on=True)
    saved = client.ask("mark", kind="wrong", position=events[1]["position"], word="no")["evidence"]
    folder = tmp_path / "chosen" / "feedback"
    with wave.open(str(folder / saved["sound"])) as file:
        sound = file.readframes(SAMPLE_RATE_HZ)
    end = events[1]["position"]
    assert sound == float_to_pcm16(SOUND[end - SAMPLE_RATE_HZ : end]).tobytes()
    told = json.loads((folder / saved["sound"]).with_suffix(".json").read_text())
    assert (told["kind"], told["word"], told["position"], told["source"]) == ("wrong", "no", end, "fed")
    assert told["score"] == pytest.approx(events[1]["score"], abs=1e-3)


def test_a_missed_word_is_found_near_the_moment_and_refits_its_threshold(
    source: FedSource, client: Client, spotter: Spotter
) -> None:
    client.ask("thresholds", values={"stop": 0.999})
    frames = play(source, client)
    assert "stop" not in words_of(frames)
    client.ask("saving", on=True)
    saved = client.ask("mark", kind="missed", position=round(4.0 * SAMPLE_RATE_HZ), word="stop")["evidence"]
    assert saved["score"] > 0.8
    answer = client.ask("refit")
    [fit] = answer["fits"]
    assert (fit["word"], fit["mistakes_before"], fit["mistakes_after"]) == ("stop", 1, 0)
    assert answer["hindsight"]["counts"]["come"] == {"stop": 1}
    assert spotter.settings.snapshot().thresholds["stop"] == 0.999  # shown first, not done
    client.ask("thresholds", values=answer["values"])
    assert spotter.settings.snapshot().thresholds["stop"] == fit["after"] < 0.999


def test_profiles_are_saved_and_loaded(client: Client, spotter: Spotter, tmp_path: Path) -> None:
    client.ask("threshold", word="yes", value=0.44)
    assert client.ask("save_profile", name="My kitchen")["type"] == "save_profile"
    client.ask("reset")
    assert [one["name"] for one in client.ask("profiles")["profiles"]] == ["My kitchen"]
    client.ask("load_profile", name="My kitchen")
    assert spotter.settings.snapshot().thresholds["yes"] == 0.44
    assert [path.name for path in tmp_path.rglob("*.toml")] == ["profile-My kitchen.toml"]


def test_the_source_is_changed_to_one_that_was_offered_and_no_other(
    client: Client, spotter: Spotter, tmp_path: Path
) -> None:
    (tmp_path / "secret.wav").write_bytes(b"")
    for name in ("demo:", str(tmp_path / "secret.wav"), "stdin:16000"):
        assert "was not offered" in client.ask("source", name=name)["message"]
    assert {"source": "demo:", "name": "demo recording"} in client.ask("sources")["choices"]
    assert client.ask("source", name="demo:")["type"] == "source"
    while client.frame().get("status", {}).get("source") != "demo recording":
        pass
    assert spotter.source.name == "demo recording"


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


def test_half_requests_end_by_themselves_and_others_are_served_meanwhile(panel: Panel) -> None:
    halves = [socket.create_connection(("127.0.0.1", panel.port)) for _ in range(10)]
    for half in halves:
        half.sendall(b"GET / HTTP/1.1\r\nX: ")
        half.settimeout(PATIENCE_SECONDS)
    assert get(panel).status == 200
    for half in halves:
        with suppress(ConnectionError):
            assert half.recv(1) == b""
        half.close()


def get(panel: Panel, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=PATIENCE_SECONDS)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{panel.port}", "Cookie": cookie_of(panel), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def test_the_guide_is_served_beside_the_page_and_the_page_links_to_it(panel: Panel) -> None:
    assert b'href="guide/"' in get(panel).body  # type: ignore[attr-defined]
    contents = get(panel, "/guide/").body.decode()  # type: ignore[attr-defined]
    topics = re.findall(r'<li><a href="([^"]+)"', contents)
    assert topics
    for topic in topics:
        answer = get(panel, f"/guide/{topic}")
        assert answer.status == 200
        assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
        assert b"<article" in answer.body  # type: ignore[attr-defined]
    assert get(panel, "/guide/nothing").status == 404


def test_the_page_is_served_whole_and_asks_nobody_else(panel: Panel) -> None:
    page = get(panel)
    assert page.status == 200
    policy = page.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    static = Path(kws_live.__file__).parent / "panel" / "static"
    for path in static.iterdir():
        assert get(panel, f"/{path.name}").body == path.read_bytes()  # type: ignore[attr-defined]
        assert b"https://" not in path.read_bytes()


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/static/panel.js", "/..%2fserver.py", "//etc/passwd", "/live"]
)
def test_no_path_leads_to_other_files(panel: Panel, path: str) -> None:
    assert get(panel, path).status in (400, 403, 404)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "",
        "[::1",
        "8.8.8.8",
    ],
)
def test_a_rebound_host_is_refused(panel: Panel, host: str) -> None:
    assert get(panel, Host=host).status == 421
    with pytest.raises(InvalidStatus):
        Client(panel, origin=f"http://{host}", additional_headers={"Host": host, "Cookie": cookie_of(panel)})


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:1", "https://127.0.0.1:{port}", None],
)
def test_a_forged_origin_can_neither_read_nor_steer(panel: Panel, origin: str | None) -> None:
    with pytest.raises(InvalidStatus):
        Client(panel, origin=origin and origin.format(port=panel.port))


def test_another_page_cannot_fetch_with_its_origin(panel: Panel) -> None:
    assert get(panel, Origin="http://evil.example").status == 403


def test_a_taken_port_is_told_in_one_line(panel: Panel, spotter: Spotter) -> None:
    with pytest.raises(ConfigError, match="choose another with --port"):
        Panel(spotter, port=panel.port)


def test_when_the_sound_has_ended_the_panel_still_answers(source: FedSource, client: Client) -> None:
    [yes, *_] = events_of(play(source, client))
    source.end()
    while not client.frame().get("status", {}).get("ended"):
        pass
    assert client.ask("why", position=yes["moment"])["reason"] == "FIRED"
    client.ask("sources")
    assert "has ended" in client.ask("source", name="demo:")["message"]


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
