"""The panel over its WebSocket, as a page uses it."""

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kws_live
from kws_live.audio import SAMPLE_RATE_HZ, float_to_pcm16
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.fakes import decision_settings, tone_words
from tests.panel.panel_fakes import SOUND, UNLOOKED_SAMPLES, Client, FedSource, ToneModel, events_of, play, words_of


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


@pytest.mark.slow
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
    assert (answer["type"], answer["message"]) == ("error", "saving is off; switch on “Save the moments I mark” first")
    assert list(tmp_path.iterdir()) == []
    client.ask("saving", on=True)
    saved = client.ask("mark", kind="wrong", position=events[1]["position"], word="no")["evidence"]
    folder = tmp_path / "feedback"
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


def test_when_the_sound_has_ended_the_panel_still_answers(source: FedSource, client: Client) -> None:
    [yes, *_] = events_of(play(source, client))
    source.end()
    while not client.frame().get("status", {}).get("ended"):
        pass
    assert client.ask("why", position=yes["moment"])["reason"] == "FIRED"
    client.ask("sources")
    assert "has ended" in client.ask("source", name="demo:")["message"]
