"""What is said after a word is handed on from the word's end to a pause, whole."""

import asyncio
import threading

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.spotting.audio_after import AudioAfter
from kws_live.stream.ring_buffer import RingBuffer

RNG = np.random.default_rng(0)


def at(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


def quiet(seconds: float) -> Samples:
    return (1e-4 * RNG.standard_normal(at(seconds))).astype(np.float32)


def heard(*parts: Samples, ended: bool = True) -> RingBuffer:
    ring = RingBuffer(at(30.0))
    for part in parts:
        ring.write(part)
    if ended:
        ring.close()
    return ring


def word(end: float) -> Detection:
    """One that was decided half a second after its end."""
    return Detection(
        keyword="go", score=0.9, position=at(end + 0.4), decided_position=at(end + 0.5), word_begin_position=0,
        word_end_position=at(end),
    )  # fmt: skip


def seconds_of(after: AudioAfter, rate_hz: int = 16_000) -> float:
    return sum(block.size for block in after) / rate_hz


def test_it_begins_where_the_word_ended_and_misses_nothing(demo_audio: Samples) -> None:
    after = AudioAfter(heard(demo_audio[: at(4.0)]), word(1.0), rate_hz=SAMPLE_RATE_HZ)
    np.testing.assert_array_equal(np.concatenate([*after]), demo_audio[at(1.0) : at(4.0)])


def test_it_ends_a_second_after_the_last_speech_and_not_in_the_breath_before_it(demo_audio: Samples) -> None:
    said = demo_audio[at(1.0) : at(1.5)]
    assert said.std() > 0.01
    ring = heard(quiet(2.0), quiet(1.5), said, quiet(5.0), said)
    assert seconds_of(AudioAfter(ring, word(2.0))) == pytest.approx(1.5 + 0.5 + 1.0, abs=0.4)


def test_where_nothing_is_said_it_ends_after_two_seconds() -> None:
    assert seconds_of(AudioAfter(heard(quiet(9.0)), word(1.0))) == pytest.approx(2.0, abs=0.15)


def test_it_is_no_longer_than_asked_for(demo_audio: Samples) -> None:
    ring = heard(demo_audio[: at(8.0)])
    assert seconds_of(AudioAfter(ring, word(1.0), longest_seconds=1.25)) == pytest.approx(1.25, abs=0.001)


def test_it_ends_at_a_gap_and_is_empty_where_the_sound_is_gone(demo_audio: Samples) -> None:
    ring = heard(demo_audio[: at(3.0)], ended=False)
    ring.skip(at(1.0))
    ring.write(demo_audio[at(4.0) : at(8.0)])
    ring.close()
    assert seconds_of(AudioAfter(ring, word(2.0))) == pytest.approx(1.0, abs=0.001)
    small = RingBuffer(at(1.0))
    small.write(demo_audio[: at(8.0)])
    small.close()
    assert [*AudioAfter(small, word(2.0))] == []


def test_it_waits_for_what_is_still_to_come(demo_audio: Samples) -> None:
    ring = heard(demo_audio[: at(2.0)], ended=False)
    blocks = iter(AudioAfter(ring, word(1.9), rate_hz=SAMPLE_RATE_HZ))
    first = next(blocks)

    def speak() -> None:
        ring.write(demo_audio[at(2.0) : at(3.0)])
        ring.close()

    speaker = threading.Thread(target=speak)
    speaker.start()
    rest = np.concatenate([*blocks])
    speaker.join()
    np.testing.assert_array_equal(np.concatenate([first, rest]), demo_audio[at(1.9) : at(3.0)])


def test_with_async_for_it_is_the_same(demo_audio: Samples) -> None:
    async def collected() -> list[Samples]:
        return [block async for block in AudioAfter(heard(demo_audio[: at(4.0)]), word(1.0))]

    blocks = asyncio.run(collected())
    expected = [*AudioAfter(heard(demo_audio[: at(4.0)]), word(1.0))]
    np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate(expected))


def test_another_rate_is_refused() -> None:
    with pytest.raises(ConfigError, match="rate_hz 8000 must be 16000 or 22050"):
        AudioAfter(heard(), word(1.0), rate_hz=8000)
