"""What a stream's own samples say about the microphone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples
from kws_live.stream.findings import ADVICE
from kws_live.stream.signal_health import Change, SignalHealth, count_clips, find_hum, measure_second

RATE_HZ = 16_000
TIME = np.arange(RATE_HZ) / RATE_HZ


def room(seconds: int, level: float = 1e-3, seed: int = 0) -> Samples:
    """Steady noise."""
    return np.random.default_rng(seed).normal(0, level, seconds * RATE_HZ).astype(np.float32)


def buzz(hz: float, level: float, seconds: int = 1) -> Samples:
    """A tone with overtones, as mains hum and voices have them."""
    time = np.arange(seconds * RATE_HZ) / RATE_HZ
    return np.asarray(level * sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, 6)), dtype=np.float32)


def listen(audio: Samples, health: SignalHealth | None = None, block_samples: int = 640) -> list[Change]:
    """Feed audio in blocks; what changed."""
    health = health or SignalHealth(RATE_HZ)
    changes = []
    for start in range(0, audio.size, block_samples):
        changes += health.feed(audio[start : start + block_samples, np.newaxis])
    return changes


def found(audio: Samples) -> list[str]:
    return [change.finding.name for change in listen(audio) if not change.over]


def test_clear_speech_in_a_quiet_room_is_fit() -> None:
    demo, rate = soundfile.read(Path(__file__).parents[2] / "kws_live/sources/demo.flac", dtype="float32")
    health = SignalHealth(rate)
    assert [health.feed(demo[start : start + 882, np.newaxis]) for start in range(0, demo.size, 882)].count([]) == len(
        range(0, demo.size, 882)
    )
    assert health.measurement().snr_db > 30


@pytest.mark.twin("test_a_loud_room_is_found")
def test_a_quiet_room_is_fit() -> None:
    assert found(room(20)) == []


def test_digital_silence_is_told_once_and_is_over_with_the_first_sound() -> None:
    changes = listen(np.concatenate([np.zeros(6 * RATE_HZ, np.float32), room(3)]))
    assert [(change.finding.name, change.over) for change in changes] == [("zeros", False), ("zeros", True)]


@pytest.mark.twin("test_digital_silence_is_told_once_and_is_over_with_the_first_sound")
def test_three_seconds_of_zeros_are_no_finding() -> None:
    assert found(np.concatenate([room(2), np.zeros(3 * RATE_HZ, np.float32), room(2)])) == []


def test_a_constant_offset_is_found_and_a_small_one_is_not() -> None:
    assert found(room(8) + np.float32(0.05)) == ["offset"]
    assert found(room(8) - np.float32(0.05)) == ["offset"]
    assert found(room(8) + np.float32(0.004)) == []


def test_the_offset_is_no_sound() -> None:
    # Noise of standard deviation 0.001 is -60 dB, whatever it sits on.
    second = measure_second(room(1)[:, np.newaxis] + np.float32(0.3), RATE_HZ, 0, False)
    assert np.median(second.levels_db) == pytest.approx(-60, abs=0.5)


def test_flat_tops_are_clipping_and_single_peaks_are_not() -> None:
    loud = np.clip(2.0 * np.sin(2 * np.pi * 200 * TIME), -1, 1).astype(np.float32)
    assert count_clips(loud) == 400  # 200 cycles, two flat tops each
    peaks = room(1)
    peaks[::100] = 1.0
    assert count_clips(peaks) == 0
    assert found(np.tile(loud, 4)) == ["clipping"]
    assert found(np.tile(peaks, 4)) == []


def test_clipping_on_one_of_two_channels_is_found() -> None:
    loud = np.clip(2.0 * np.sin(2 * np.pi * 200 * TIME), -1, 1).astype(np.float32)
    second = measure_second(np.stack([room(1), loud], axis=1), RATE_HZ, 0, False)
    assert second.n_clips == 400


@pytest.mark.twin("test_flat_tops_are_clipping_and_single_peaks_are_not")
def test_one_loud_moment_is_no_finding() -> None:
    audio = room(10)
    audio[RATE_HZ : RATE_HZ + 400] = 1.0
    assert found(audio) == []


def test_clipping_is_over_after_twenty_seconds_without() -> None:
    loud = np.tile(np.clip(2.0 * np.sin(2 * np.pi * 200 * TIME), -1, 1).astype(np.float32), 3)
    changes = listen(np.concatenate([room(5), loud, room(25)]))
    assert [(change.finding.name, change.over) for change in changes if change.finding.name == "clipping"] == [
        ("clipping", False),
        ("clipping", True),
    ]


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_is_found_with_its_frequency(mains_hz: int) -> None:
    changes = listen(buzz(mains_hz, 0.01, 25) + room(25, 1e-4))
    assert [change.finding.name for change in changes] == ["hum"]
    assert f"{mains_hz} Hz" in changes[0].finding.summary
    assert find_hum(buzz(mains_hz, 0.01) + room(1, 1e-4), RATE_HZ) == mains_hz


@pytest.mark.twin("test_hum_is_found_with_its_frequency")
@pytest.mark.parametrize("voice_hz", [86.0, 110.0, 131.0, 220.0])
def test_a_voice_is_no_hum(voice_hz: float) -> None:
    assert find_hum(buzz(voice_hz, 0.1) + room(1), RATE_HZ) == 0


@pytest.mark.twin("test_hum_is_found_with_its_frequency")
def test_hum_too_soft_to_matter_is_no_finding() -> None:
    assert find_hum(buzz(50, 1e-4), RATE_HZ) == 0


def test_a_loud_room_is_found() -> None:
    assert found(room(8, 0.05)) == ["noisy"]


def test_speech_that_comes_too_softly_is_found() -> None:
    audio = room(10, 1e-4)  # -80 dB
    audio[3 * RATE_HZ : 4 * RATE_HZ] = room(1, 1e-3)  # -60 dB: it stands out, and is soft
    assert found(audio) == ["too_quiet"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("true_hz", "names"), [(16_000, []), (16_100, []), (15_000, ["wrong_rate"]), (17_600, ["wrong_rate"])]
)
def test_a_wrong_rate_is_found_by_the_clock(true_hz: int, names: list[str]) -> None:
    health = SignalHealth(RATE_HZ)
    changes = []
    for k in range(40 * RATE_HZ // 640):
        changes += health.feed(room(1)[:640, np.newaxis], arrived_seconds=1000 + (k + 1) * 640 / true_hz)
    assert [change.finding.name for change in changes] == names


def test_seconds_taken_late_by_a_busy_machine_are_no_wrong_rate() -> None:
    health = SignalHealth(RATE_HZ)
    noise = room(1)[:, np.newaxis]
    late = np.random.default_rng(3).choice([0.0, 0.0, 0.0, 0.0, 1.5], 300)
    assert [health.feed(noise, arrived_seconds=k + float(late[k])) for k in range(300)] == [[]] * 300


def test_an_overflow_is_told_and_passes() -> None:
    health = SignalHealth(RATE_HZ)
    noise = room(1)[:, np.newaxis]
    changes = [health.feed(noise, n_overflows=3 if second > 5 else 0) for second in range(45)]
    told = [(second, change.finding.name, change.over) for second, those in enumerate(changes) for change in those]
    assert told == [(6, "overflow", False), (36, "overflow", True)]


def test_what_is_found_does_not_depend_on_how_audio_is_cut() -> None:
    audio = np.concatenate([np.zeros(5 * RATE_HZ, np.float32), room(6, 0.05)])
    small, large = listen(audio, block_samples=160), listen(audio, block_samples=RATE_HZ)
    assert small == large


def stereo(left: Samples, right: Samples) -> list[tuple[str, str]]:
    health = SignalHealth(RATE_HZ)
    block = np.stack([left, right], axis=1)
    changes = [change for at in range(0, block.shape[0], 640) for change in health.feed(block[at : at + 640])]
    return [(change.finding.name, change.finding.summary) for change in changes if not change.over]


def test_channels_that_cancel_each_other_are_found_with_the_one_to_choose() -> None:
    for factor, choice in ((-1.0, 1), (-1.3, 2)):
        ((name, summary),) = stereo(room(8), np.float32(factor) * room(8))
        assert name == "antiphase"
        assert f"choose it with #{choice}" in summary


def test_a_silent_channel_is_found_with_the_one_to_choose() -> None:
    ((name, summary),) = stereo(np.zeros(8 * RATE_HZ, np.float32), room(8, 0.005))
    assert name == "dead_channel"
    assert "choose channel 2 with #2" in summary


@pytest.mark.twin("test_channels_that_cancel_each_other_are_found_with_the_one_to_choose")
def test_channels_as_they_should_be_are_no_finding() -> None:
    assert stereo(room(8), room(8)) == []
    assert stereo(room(8, seed=1), room(8, seed=2)) == []
    assert stereo(room(8), np.float32(0.5) * room(8)) == []


def test_every_finding_has_advice_for_every_system() -> None:
    for name, advice in ADVICE.items():
        assert all(len(text) > 20 for text in advice), name
