from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Block, Samples
from kws_live.errors import AudioGapError, DatasetError, SourceLostError
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.room_recording import RoomRecording, guide, read_words, run_room
from kws_live.sources.array import ArraySource
from tests.evaluation.tone_model import ToneModel, tone
from tests.fakes import KEYWORDS, decision_settings

RATE_HZ = 16_000


def quiet(seconds: float) -> Samples:
    return np.random.default_rng(0).normal(0, 1e-3, round(seconds * RATE_HZ)).astype(np.float32)


def take(word: str) -> Samples:
    """Two seconds with a word in them."""
    samples = quiet(2.0)
    samples[8000 : 8000 + 6400] += tone(word)
    return samples


def test_the_person_is_told_what_to_do_and_when() -> None:
    # Room 10 s; then for each word a count-down of 3 s and 2 s to say it.
    heard = np.concatenate((quiet(10), quiet(3), take("yes"), quiet(3), take("no"), quiet(1)))
    said: list[str] = []
    recording = guide(ArraySource(heard, RATE_HZ, block_samples=1600), ("yes", "no"), 10.0, 1, said.append)
    assert recording.room.size == 10 * RATE_HZ
    assert {word: len(takes) for word, takes in recording.takes.items()} == {"yes": 1, "no": 1}
    np.testing.assert_array_equal(recording.takes["no"][0], take("no"))
    assert said[1:5] == ['"yes" in 3', '"yes" in 2', '"yes" in 1', 'say "yes" now']


def test_a_take_without_a_word_is_asked_for_again() -> None:
    heard = np.concatenate((quiet(10), quiet(3), quiet(2), quiet(3), take("yes"), quiet(1)))
    said: list[str] = []
    recording = guide(ArraySource(heard, RATE_HZ, block_samples=1600), ("yes",), 10.0, 1, said.append)
    assert "no word found; please repeat, a little louder" in said
    np.testing.assert_array_equal(recording.takes["yes"][0], take("yes"))


def test_a_silent_microphone_and_one_that_ends_are_told() -> None:
    with pytest.raises(DatasetError, match="was not found three times in a row"):
        guide(ArraySource(quiet(60), RATE_HZ), ("yes",), 10.0, 1, lambda text: None)
    with pytest.raises(SourceLostError, match="ended before all audio was recorded"):
        guide(ArraySource(quiet(12), RATE_HZ), ("yes",), 10.0, 1, lambda text: None)


class Gappy(ArraySource):
    """Loses audio before some of its blocks."""

    def __init__(self, samples: Samples, gaps_before: set[int]) -> None:
        super().__init__(samples, RATE_HZ, block_samples=1600)
        self.gaps_before = gaps_before
        self.n_read = 0

    def read(self, timeout_seconds: float) -> Block | None:
        if self.n_read in self.gaps_before:
            self.gaps_before.discard(self.n_read)
            raise AudioGapError(0.5)
        self.n_read += 1
        return super().read(timeout_seconds)


def test_a_gap_in_the_room_does_no_harm_and_a_word_with_one_is_asked_for_again() -> None:
    # Lost: in the room, in the count-down, and 0.5 s into the word.
    heard = np.concatenate((quiet(10), quiet(3), quiet(0.5), quiet(3), take("yes"), quiet(1)))
    said: list[str] = []
    recording = guide(Gappy(heard, {50, 110, 135}), ("yes",), 10.0, 1, said.append)
    assert recording.room.size == 10 * RATE_HZ
    assert "0.50 s of audio never arrived; please repeat" in said
    np.testing.assert_array_equal(recording.takes["yes"][0], take("yes"))


@pytest.mark.slow
def test_takes_are_scored_within_their_room() -> None:
    recording = RoomRecording(quiet(20), {"yes": [take("yes")] * 2, "stop": [take("stop"), quiet(2)]}, RATE_HZ)
    room, said = run_room(ToneModel(), decision_settings(gate_mode=None, mode="command"), recording)
    assert room.run.seconds == 20.0
    assert said is not None
    score = said.score(decision_settings(gate_mode=None, mode="command"))
    assert score.per_word() == {"stop": Share(1, 2), "yes": Share(2, 2)}
    assert run_room(ToneModel(), decision_settings(gate_mode=None), RoomRecording(quiet(20), {}, RATE_HZ))[1] is None


def test_takes_are_read_from_folders_of_the_words(tmp_path: Path) -> None:
    for name in ("yes/1.wav", "yes/2.wav", "bed/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, take("yes"), RATE_HZ)
    takes = read_words(tmp_path, KEYWORDS, RATE_HZ)
    assert {word: len(found) for word, found in takes.items()} == {"yes": 2}
    with pytest.raises(DatasetError, match="has no takes of up"):
        read_words(tmp_path, ("up",), RATE_HZ)
    with pytest.raises(DatasetError, match="is not a folder"):
        read_words(tmp_path / "absent", KEYWORDS, RATE_HZ)
