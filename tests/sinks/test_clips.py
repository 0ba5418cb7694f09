"""Words are kept as short recordings: which, for how long, for whose eyes, and what for."""

import json
import logging
import re
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live import listen
from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.cli import main
from kws_live.enrolment.takes import read_takes
from kws_live.errors import ActionError, ConfigError
from kws_live.evaluation.clips import find_clips
from kws_live.events import Detection, NearMiss, SpeechStarted
from kws_live.sinks.clips import Clips
from kws_live.sinks.kept_clips import sort_clip, unsorted_clips
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.testing import FakeMicrophone, recorded, tone_model

RAMP = np.linspace(-0.5, 0.5, 5 * SAMPLE_RATE_HZ, dtype=np.float32)


def at(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


def heard() -> RingBuffer:
    """Five seconds, each sample another; nothing more comes."""
    ring = RingBuffer(10 * SAMPLE_RATE_HZ)
    ring.write(RAMP)
    ring.close()
    return ring


def keeping(rest: str) -> Clips:
    clips = Clips(rest)
    clips.hear(heard())
    return clips


def yes(seconds: float, begin: float | None = None, end: float | None = None) -> Detection:
    return Detection(
        keyword="yes", score=0.9, position=at(seconds), decided_position=at(seconds),
        word_begin_position=None if begin is None else at(begin), word_end_position=None if end is None else at(end),
    )  # fmt: skip


NEAR = NearMiss(keyword="a/b", score=0.4, threshold=0.6, reason="too low", position=at(2.0))


def test_a_word_is_kept_with_half_a_second_before_and_after_it_and_its_event_beside_it(tmp_path: Path) -> None:
    clips = keeping(str(tmp_path / "clips"))
    clips.send(yes(2.6, 1.9, 2.4))
    [sound] = (tmp_path / "clips" / "yes").glob("*.flac")
    samples, rate_hz = soundfile.read(sound, dtype="float32")
    assert rate_hz == SAMPLE_RATE_HZ
    np.testing.assert_allclose(samples, RAMP[at(1.4) : at(2.9)], atol=1 / 32_000)
    told = json.loads(sound.with_suffix(".json").read_text())
    assert (told["keyword"], told["score"], told["clip_begin_position"]) == ("yes", 0.9, at(1.4))


def test_where_the_bounds_of_a_word_are_not_known_its_window_is_kept(tmp_path: Path) -> None:
    keeping(str(tmp_path)).send(yes(2.0))
    [sound] = tmp_path.glob("yes/*_detection.flac")
    assert soundfile.info(sound).frames == at(2.0)
    samples, _ = soundfile.read(sound, dtype="float32")
    assert samples[0] == pytest.approx(RAMP[at(0.5)], abs=1e-4)


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    keeping(str(tmp_path / "clips")).send(NEAR)
    folder = tmp_path / "clips"
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / "a_b").stat().st_mode) == 0o700
    kept = list((folder / "a_b").iterdir())
    assert {path.suffix for path in kept} == {".flac", ".json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@pytest.mark.parametrize(
    ("kinds", "kept"),
    [("", {"yes", "a_b"}), ("?kinds=near_miss", {"a_b"}), ("?kinds=detection&megabytes=0.5", {"yes"})],
)
def test_only_the_kinds_that_are_asked_for_are_kept(tmp_path: Path, kinds: str, kept: set[str]) -> None:
    clips = keeping(f"{tmp_path}{kinds}")
    for event in (yes(2.0), NEAR, SpeechStarted(position=at(2.0))):
        clips.send(event)
    clips.close()
    assert {path.parent.name for path in tmp_path.glob("*/*.flac")} == kept


def test_the_oldest_clips_give_way_and_nothing_else_does(tmp_path: Path) -> None:
    other = tmp_path / "yes" / "mine.flac"
    other.parent.mkdir()
    other.write_bytes(bytes(100_000))
    clips = keeping(f"{tmp_path}?megabytes=0.1")
    for tenth in range(10, 40):
        clips.send(yes(tenth / 10))
    left = sorted(path for path in tmp_path.glob("yes/*_detection.*"))
    assert 0 < sum(path.stat().st_size for path in left) <= 100_000
    positions = [int(path.stem.split("_")[1]) for path in left if path.suffix == ".flac"]
    assert 1 < len(positions) < 30
    assert positions[-1] == at(3.9)
    assert len(left) == 2 * len(positions)  # a clip goes with what is told of it
    assert other.exists()


def test_that_sound_is_kept_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Clips(f"{tmp_path}/clips?megabytes=20")
    assert caplog.messages == [f"clips:{tmp_path}/clips: the audio of words is saved there, up to 20 MB"]


def test_sound_that_is_gone_or_was_never_there_is_an_undelivered_event(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="there is no audio to save"):
        Clips(str(tmp_path)).send(NEAR)
    with pytest.raises(ActionError, match="the audio of 'yes' is no longer available"):
        keeping(str(tmp_path)).send(yes(9.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "rest",
    ["", "?megabytes=3", "x?megabytes=0", "x?megabytes=nan", "x?kinds=speech_started", "x?days=3", "/dev/null/x"],
)
def test_what_cannot_be_kept_is_refused_in_one_line(rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as failure:
        Clips(rest)
    assert str(failure.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_was_heard_can_be_taught_and_measured_with(tmp_path: Path) -> None:
    with listen(FakeMicrophone(["yes", "no"]), model=tone_model("yes", "no"), sinks=[f"clips:{tmp_path}"]) as spotter:
        spotter.wait(30.0)
    assert spotter.statistics().events_undelivered == 0
    clips = find_clips(tmp_path, ("yes", "no"))
    assert [clip.label for clip in clips] == ["no", "yes"]
    [take] = read_takes(tmp_path / "yes")
    assert 0.2 < take.word_seconds < 1.0


@pytest.mark.slow
def test_sorted_recordings_are_read_by_the_commands_that_learn_and_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "models"))
    folder = tmp_path / "clips"
    heard = FakeMicrophone(["yes", "yes", "yes", "yes", "no", "up"], voice=recorded)
    with listen(heard, sinks=[f"clips:{folder}?kinds=detection"]) as spotter:
        spotter.wait(60.0)
    for clip in unsorted_clips(folder):
        sort_clip(clip, is_right=clip.parent.name != "no")
    assert sorted(path.name for path in folder.iterdir()) == ["_unknown_", "no", "up", "yes"]
    soundfile.write(tmp_path / "room.wav", np.random.default_rng(1).normal(0.0, 1e-3, 60 * 16_000), 16_000)
    room, profile = ["--room", str(tmp_path / "room.wav")], ["--out", str(tmp_path / "p.toml")]
    assert main(["evaluate", "--clips", str(folder)]) == 0
    assert "_unknown_" in capsys.readouterr().out
    assert main(["calibrate", *room, "--words", str(folder), "--budget=1/h", *profile]) == 0
    assert main(["teach", "agreed", "--takes", str(folder / "yes")]) == 0
    capsys.readouterr()
    assert main(["words", "test", "agreed", "--takes", str(folder / "yes")]) == 0
    assert re.search(r'"agreed" was recognised in [34] of 4 recordings', capsys.readouterr().out)  # "yes" competes
