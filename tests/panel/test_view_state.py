"""What a view is told: everything once, nothing twice."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.panel.view_state import Cursor, ViewState
from kws_live.spotting.pipeline import Step
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import KEYWORDS, tone_pipeline, tone_words
from tests.panel.panel_fakes import ToneModel


def steps_of(sound: Samples) -> list[Step]:
    ring = RingBuffer(SAMPLE_RATE_HZ * 30)
    ring.write(sound)
    return list(tone_pipeline().steps(ring))


SOUND = tone_words([("yes", 1.0), ("no", 2.5)], 4.0)
SOUND_STEPS = steps_of(SOUND)


def filled(sound: Samples, cuts: list[int] | None = None, cursor: Cursor | None = None) -> tuple[ViewState, list[dict]]:  # type: ignore[type-arg]
    """A state that has taken a sound in pieces, and the frames of a view that looked after each."""
    state, ring = ViewState(KEYWORDS, ToneModel().extractor), RingBuffer(SAMPLE_RATE_HZ * 30)
    frames, n_taken = [], 0
    steps = SOUND_STEPS if sound is SOUND else steps_of(sound)
    for piece in np.split(sound, sorted(cuts or [])):
        ring.write(piece)
        ready = [step for step in steps[n_taken:] if step.verdict and step.verdict.hop.position <= ring.position]
        state.feed_steps(ready)
        n_taken += len(ready)
        state.feed_audio(ring)
        if cursor is not None:
            frames.append(state.frame(cursor))
    return state, frames


@given(st.lists(st.integers(1, SOUND.size - 1), max_size=6, unique=True))
def test_frames_joined_are_the_whole_however_often_one_looks(cuts: list[int]) -> None:
    _, frames = filled(SOUND, cuts, Cursor())
    state, [whole] = filled(SOUND, [], Cursor())
    for name in ("positions", "gates"):
        assert [value for frame in frames for value in frame["hops"][name]] == whole["hops"][name]
    assert b"".join(base64.b64decode(frame["hops"]["scores"]) for frame in frames) == base64.b64decode(
        whole["hops"]["scores"]
    )
    assert [event for frame in frames for event in frame["events"]] == whole["events"]
    assert [event["keyword"] for event in whole["events"] if event["type"] == "detection"] == ["yes", "no"]
    joined = b"".join(base64.b64decode(frame["columns"]["data"]) for frame in frames)
    assert len(joined) == len(base64.b64decode(whole["columns"]["data"]))
    assert state.frame(Cursor(10**9, 10**9, 2))["events"] == []


def test_a_view_that_was_away_gets_no_more_than_is_remembered() -> None:
    state, _ = filled(tone_words([("yes", 1.0)], 25.0))
    frame = state.frame(Cursor())
    assert len(base64.b64decode(frame["columns"]["data"])) == 500 * state.spectrogram.n_rows
    assert len(frame["hops"]["positions"]) == len(state.history.verdicts)


def test_scores_are_sent_as_bytes_hop_by_hop() -> None:
    state, [frame] = filled(SOUND, [], Cursor())
    scores = np.frombuffer(base64.b64decode(frame["hops"]["scores"]), np.uint8).reshape(-1, len(KEYWORDS))
    expected = np.array([verdict.scores for verdict in state.history.verdicts])
    assert np.abs(scores / 255 - expected).max() < 0.5 / 255 + 1e-6


def test_level_and_clipping_are_the_sounds() -> None:
    loud = np.full(SAMPLE_RATE_HZ // 2, 0.5, np.float32)
    assert filled(loud)[0].now().level_db == pytest.approx(-6.02, abs=0.01)
    assert filled(loud)[0].now().peak_db == pytest.approx(-6.02, abs=0.01)
    assert not filled(loud)[0].now().clipping
    loud[9] = 1.0
    assert filled(loud)[0].now().clipping
    quiet_after = np.concatenate((loud, np.zeros(3 * SAMPLE_RATE_HZ, np.float32)))
    assert not filled(quiet_after, [SAMPLE_RATE_HZ // 2])[0].now().clipping


def test_peaks_are_of_the_last_three_seconds() -> None:
    yes = KEYWORDS.index("yes")
    at_four, _ = filled(SOUND)
    assert at_four.now().peaks[yes] > 0.8
    assert at_four.now().scores[yes] < 0.3
    at_eight, _ = filled(tone_words([("yes", 1.0)], 8.0))
    assert at_eight.now().peaks[yes] < 0.3


@pytest.mark.twin("test_level_and_clipping_are_the_sounds")
def test_before_anything_was_heard_everything_is_nothing() -> None:
    state, _ = filled(np.zeros(0, np.float32))
    now = state.now()
    assert (now.position, now.gate_open, now.scores) == (0, False, (0.0, 0.0, 0.0))


def test_the_spectrogram_shows_a_tone_in_its_band() -> None:
    sound = 0.1 * tone_words([("yes", 0.2)], 1.0)
    state, [frame] = filled(sound, [], Cursor())
    image = np.frombuffer(base64.b64decode(frame["columns"]["data"]), np.uint8).reshape(-1, state.spectrogram.n_rows)
    # The test's filters are 6 bins of 31.25 Hz each: 700 Hz lies in the fourth.
    assert int(image[20].argmax()) == 700 // (6 * 31.25)
    assert image.shape[0] == pytest.approx(48, abs=2)  # a column each 20 ms, less what the resampler holds back
