from pathlib import Path

import numpy as np
import pytest

from kws_live.audio import SPEECH_RATE_HZ, Block, Samples
from kws_live.enrolment.takes import (
    PAUSE_SECONDS,
    READING_SECONDS,
    Take,
    fault,
    read_takes,
    record_takes,
    same_recording,
)
from kws_live.errors import DatasetError, SourceLostError
from tests.enrolment.spoken_takes import demo_word, takes_of, write_takes

RNG = np.random.default_rng(0)


def room(seconds: float, level: float = 1e-3) -> Samples:
    return (level * RNG.standard_normal(round(seconds * SPEECH_RATE_HZ))).astype(np.float32)


def in_room(sound: Samples, before: float = 0.4, after: float = 0.4) -> Take:
    return Take.of("a take", np.concatenate([room(before), sound, room(after)]))


def buzz(seconds: float, level: float = 0.2) -> Samples:
    """A loud hum, as long as wanted."""
    at = np.arange(round(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    return (level * np.sign(np.sin(2 * np.pi * 140 * at)) * (0.6 + 0.4 * np.sin(20 * at))).astype(np.float32)


def test_a_word_in_a_quiet_room_is_a_good_take() -> None:
    take = Take.of("stop", takes_of("stop")[0])
    assert fault(take) is None
    assert 0.3 < take.word_seconds < 0.7


@pytest.mark.parametrize(
    ("take", "said"),
    [
        (Take.of("a", np.zeros(16_000, np.float32)), "no word was found"),
        (Take.of("a", room(1.0, 3e-4)), "no word was found"),
        (in_room(buzz(0.5, 2e-3), 0.4, 0.4), "too quiet"),
        (Take.of("a", room(2.0, 0.05)), "the word does not stand out"),
        (in_room(np.clip(buzz(0.5, 9.0), -1, 1)), "clipped"),
        (in_room(buzz(2.0)), "too long (2.0 s)"),
        (in_room(buzz(0.06)), "too short"),
        (in_room(buzz(0.5), before=0.0), "its beginning is cut off"),
        (in_room(buzz(0.5), after=0.0), "its end is cut off"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_take_is_said_with_what_to_do(take: Take, said: str) -> None:
    reason = fault(take)
    assert reason is not None
    assert reason.startswith(said)
    assert ";" in reason or ", " in reason or ":" in reason  # what to do comes after it


def test_a_soft_moment_within_a_word_does_not_cut_it_in_two() -> None:
    take = in_room(np.concatenate([buzz(0.2), room(0.22), buzz(0.4)]))
    assert take.word_seconds == pytest.approx(0.82, abs=0.03)
    assert in_room(np.concatenate([buzz(0.2), room(0.4), buzz(0.4)])).word_seconds == pytest.approx(0.4, abs=0.03)


def test_the_same_recording_is_known_again_at_another_place_in_its_file() -> None:
    word = demo_word("go")
    first = Take.of("1.wav", np.concatenate([room(0.3), word]))
    again = Take.of("2.wav", np.concatenate([room(0.3), word]))
    other = Take.of("3.wav", takes_of("go")[0])
    assert same_recording(again, [other, first]) is first
    assert same_recording(other, [first]) is None


def test_a_folder_gives_its_takes_in_order(tmp_path: Path) -> None:
    takes = read_takes(write_takes(tmp_path / "takes", takes_of("up", n=3)))
    assert [take.name for take in takes] == ["0.wav", "1.wav", "2.wav"]
    with pytest.raises(DatasetError, match="has no sound files; put 3 to 10"):
        read_takes(tmp_path)
    with pytest.raises(DatasetError, match="is not a folder"):
        read_takes(tmp_path / "nowhere")


def test_a_take_that_cannot_be_read_is_told_and_the_others_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_takes(tmp_path / "takes", takes_of("up", n=3))
    (folder / "1.wav").write_bytes(b"RIFF, but no sound")
    assert [take.name for take in read_takes(folder)] == ["0.wav", "2.wav"]
    assert "1.wav cannot be read as audio" in caplog.text
    assert len(caplog.messages) == 1


class Microphone:
    """Gives a word every time it is asked for one, or quiet."""

    name, rate_hz, live, n_overflows = "microphone", SPEECH_RATE_HZ, True, 0

    def __init__(self, answers: list[Samples]) -> None:
        self.heard = np.concatenate([room(0.5), *(np.concatenate([a, room(PAUSE_SECONDS)]) for a in answers)])
        self.at = 0

    def read(self, timeout_seconds: float) -> Block | None:
        block = self.heard[self.at : self.at + 1600]
        self.at += 1600
        return block[:, np.newaxis] if block.size else None

    def close(self) -> None:
        pass


def answer(sound: Samples) -> Samples:
    """Two seconds in which the sound is made."""
    return np.concatenate([room(0.5), sound, room(2.0)])[: 2 * SPEECH_RATE_HZ].astype(np.float32)


def judge(take: Take, good: object) -> str | None:
    return fault(take)


def test_a_bad_take_is_asked_for_again_with_the_reason() -> None:
    said: list[str] = []
    time_to_read = room(READING_SECONDS - PAUSE_SECONDS)
    unheard = np.concatenate([answer(room(0.1)), time_to_read])
    microphone = Microphone([answer(demo_word("up")), unheard, answer(demo_word("go"))])
    takes = list(record_takes(microphone, "hoy", 2, judge, said.append))
    assert [take.name for take in takes] == ["take 1", "take 2"]
    assert said[0] == 'take 1 of 2: say "hoy" now'
    assert said[1].startswith("take 1 is good")
    assert said[2] == 'take 2 of 2: say "hoy" now'
    assert said[3].startswith("try again: no word was found")
    assert said[5].startswith("take 2 is good")


def test_silence_again_and_again_ends_the_recording() -> None:
    with pytest.raises(DatasetError, match='5 takes of "hoy" were refused in a row, the last one: no word was found'):
        list(record_takes(Microphone([answer(room(0.1))] * 9), "hoy", 2, judge, lambda _: None))


def test_a_microphone_that_goes_away_ends_the_recording() -> None:
    with pytest.raises(SourceLostError, match="microphone ended before all takes were recorded"):
        list(record_takes(Microphone([answer(demo_word("up"))]), "hoy", 2, judge, lambda _: None))
