"""Recordings for calibration: the room, and words said in it, from files or from a guided session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import Samples, level_db, to_mono
from kws_live.errors import AudioGapError, DatasetError, SourceLostError
from kws_live.evaluation.labels import Label
from kws_live.evaluation.recorded_run import Progress, record
from kws_live.evaluation.streaming import LabelledRun
from kws_live.evaluation.word_bounds import find_word
from kws_live.model import Model
from kws_live.sources import AudioSource
from kws_live.sources.array import ArraySource
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings

GAP_SECONDS: Final = 1.5
"""Length of room audio between two takes: enough for the pauses of command mode and the refractory period."""

TAKE_SECONDS: Final = 2.0
COUNT_DOWN: Final = ("3", "2", "1")
LEAST_ABOVE_ROOM_DB: Final = 6.0
"""A take less than this above the room level contains no word."""


@dataclass(frozen=True)
class RoomRecording:
    """Audio of a room, and words said in it.

    Attributes
    ----------
    room : float32 (n_samples,), without commands
    takes : word -> recordings of it
    rate_hz : of both
    """

    room: Samples
    takes: Mapping[str, Sequence[Samples]]
    rate_hz: int

    @property
    def seconds(self) -> float:
        """Length of the audio that `run_room` processes, without the pauses between the takes."""
        return (self.room.size + sum(take.size for takes in self.takes.values() for take in takes)) / self.rate_hz


def read_words(folder: Path, words: Sequence[str], rate_hz: int) -> dict[str, list[Samples]]:
    """Read the takes in class folders named after the words; other folders are skipped.

    Raises
    ------
    DatasetError
        If there are none.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; give one folder of takes per word, such as {folder}/yes")
    takes = {
        word: [read_mono(path, rate_hz) for path in sound_files(folder / word)]
        for word in words
        if (folder / word).is_dir()
    }
    if not any(takes.values()):
        raise DatasetError(f"{folder} has no takes of {', '.join(words)}; put them into folders named after the words")
    return {word: found for word, found in takes.items() if found}


def guide(
    source: AudioSource, words: Sequence[str], room_seconds: float, n_takes: int, say: Callable[[str], None]
) -> RoomRecording:
    """Record the room and the words from a microphone; time is measured in audio.

    Parameters
    ----------
    source : read, not closed
    words : each is recorded ``n_takes`` times
    room_seconds : length of the recording of the room
    say : shows an instruction

    Raises
    ------
    SourceLostError
        If the source ends before everything is recorded.
    DatasetError
        If no word is found three times in a row.
    """
    say(f"recording {room_seconds:g} s of the room: carry on as usual, but do not say any of the words")
    room = _record(source, room_seconds, over_gaps=True)
    takes: dict[str, list[Samples]] = {word: [] for word in words}
    n_silent = 0
    while left := [word for word in words if len(takes[word]) < n_takes]:
        word = left[0]
        for number in COUNT_DOWN:
            say(f'"{word}" in {number}')
            _record(source, 1.0, over_gaps=True)
        say(f'say "{word}" now')
        try:
            samples = _record(source, TAKE_SECONDS)
        except AudioGapError as gap:
            say(f"{gap}; please repeat")
            continue
        begin, end = find_word(samples, source.rate_hz)
        if level_db(samples[begin:end]) >= level_db(room) + LEAST_ABOVE_ROOM_DB:
            takes[word].append(samples)
            n_silent = 0
            continue
        n_silent += 1
        if n_silent == 3:
            raise DatasetError(
                f'"{word}" was not found three times in a row; is it the right microphone? See kws-live devices'
            )
        say("no word found; please repeat, a little louder")
    return RoomRecording(room, takes, source.rate_hz)


def _record(source: AudioSource, seconds: float, over_gaps: bool = False) -> Samples:
    """Record audio; ``over_gaps``: ignore gaps, which matter in a word but not in a room."""
    blocks: list[Samples] = []
    missing = round(seconds * source.rate_hz)
    while missing > 0:
        try:
            block = source.read(1.0)
        except AudioGapError:
            if not over_gaps:
                raise
            continue
        if block is None:
            raise SourceLostError(f"{source.name} ended before all audio was recorded")
        blocks.append(to_mono(block))
        missing -= block.shape[0]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def run_room(
    model: Model, settings: DecisionSettings, recording: RoomRecording, progress: Progress | None = None
) -> tuple[LabelledRun, LabelledRun | None]:
    """Run a model over the room, and over the takes with room audio in between; None without takes."""
    rate_hz = recording.rate_hz
    room, _ = record(model, settings, ArraySource(recording.room, rate_hz, name="room"), progress)
    if not recording.takes:
        return LabelledRun(room, ()), None
    pieces: list[Samples] = []
    labels: list[Label] = []
    gap = round(GAP_SECONDS * rate_hz)
    quiet = np.resize(recording.room, (1 + sum(map(len, recording.takes.values()))) * gap)
    at = 0
    for word, takes in recording.takes.items():
        for take in takes:
            begin, end = find_word(take, rate_hz)
            pieces += [quiet[len(labels) * gap : (len(labels) + 1) * gap], take]
            labels.append(Label((at + gap + begin) / rate_hz, (at + gap + end) / rate_hz, word))
            at += gap + take.size
    pieces.append(quiet[-gap:])
    source = ArraySource(np.concatenate(pieces), rate_hz, name="takes")
    run, _ = record(model, settings, source, progress)
    return LabelledRun(room, ()), LabelledRun(run, tuple(labels))
