"""The gate: closed in quiet, open from the first voiced frame, for one window after the last."""

import numpy as np
import pytest

from kws_live.audio import SPEECH_RATE_HZ, Samples, float_to_pcm16
from kws_live.errors import ConfigError
from kws_live.spotting.speech_gate import FRAME_SAMPLES, HANGOVER_SECONDS, OpenGate, WebrtcGate
from kws_live.stream.resampling import Resampler

HOP = 4 * FRAME_SAMPLES
QUIET = np.zeros(SPEECH_RATE_HZ, np.float32)


def openings(gate: WebrtcGate, samples: Samples) -> list[bool]:
    return [gate.is_open(samples[start : start + HOP]) for start in range(0, samples.size - HOP + 1, HOP)]


@pytest.fixture(scope="module")
def spoken_yes(demo_audio: Samples) -> Samples:
    """A second of digital silence, then the demo's first word, at 16 kHz."""
    resampler = Resampler(22_050, SPEECH_RATE_HZ)
    word = resampler.process(demo_audio[22_050 : 22_050 * 145 // 100])
    return np.concatenate((QUIET, word, resampler.finish()))


@pytest.mark.twin("test_a_word_opens_it_while_its_start_is_in_the_window")
@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_quiet_never_opens_it(mode: int) -> None:
    assert not any(openings(WebrtcGate(mode), np.tile(QUIET, 3)))


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_a_word_opens_it_while_its_start_is_in_the_window(mode: int, spoken_yes: Samples) -> None:
    opened = openings(WebrtcGate(mode), spoken_yes)
    assert not any(opened[: round(0.9 / 0.08)])
    assert opened.index(True) * 0.08 < 1.3  # far less than a window after the word's begin at 1.0 s


def test_it_closes_exactly_the_hangover_after_the_last_voiced_frame(spoken_yes: Samples) -> None:
    gate = WebrtcGate(2)
    stream = np.concatenate((spoken_yes[: spoken_yes.size // HOP * HOP], np.tile(QUIET, 3)))
    is_open = np.flatnonzero(openings(gate, stream))
    # By hand: ask the detector frame by frame where the last speech is.
    import webrtcvad

    vad = webrtcvad.Vad(2)
    frames = float_to_pcm16(stream[: stream.size // FRAME_SAMPLES * FRAME_SAMPLES]).reshape(-1, FRAME_SAMPLES)
    last_voiced = max(i for i, frame in enumerate(frames) if vad.is_speech(frame.tobytes(), SPEECH_RATE_HZ))
    last_open_frame = last_voiced + round(HANGOVER_SECONDS * 50) - 1
    assert is_open[-1] == (last_open_frame - 3) // 4  # the last hop that ends while the gate is still open
    np.testing.assert_array_equal(np.diff(is_open), 1)


def test_reset_forgets_the_hangover(spoken_yes: Samples) -> None:
    gate = WebrtcGate(0)
    assert openings(gate, spoken_yes)[-1]
    gate.reset()
    assert not gate.is_open(QUIET[:HOP])


def test_the_open_gate_is_open() -> None:
    gate = OpenGate()
    gate.reset()
    assert gate.is_open(QUIET[:HOP])


@pytest.mark.parametrize("mode", [-1, 4, 99])
def test_another_mode_is_refused_and_the_modes_are_named(mode: int) -> None:
    with pytest.raises(ConfigError, match=rf"gate mode {mode} .*0 \(lenient\), 1, 2 or 3"):
        WebrtcGate(mode)
