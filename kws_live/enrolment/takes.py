"""Takes of a word: read or recorded, and checked at once, each with a one-line remedy.

A take is kept as two kinds of spectral features, not as audio.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_RATE_HZ, Samples, level_db, to_mono
from kws_live.errors import DatasetError, SourceLostError
from kws_live.evaluation.word_bounds import find_word
from kws_live.model import Model
from kws_live.model.features import Features
from kws_live.sources import AudioSource
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import KINDS, sound_files

log = logging.getLogger(__name__)

LONGEST_TAKE_SECONDS: Final = 4.0
LEAST_WORD_SECONDS: Final = 0.15
LONGEST_WORD_SECONDS: Final = 1.5
MARGIN_SECONDS: Final = 0.4
"""Background noise kept before and after the word."""

BRIDGE_SECONDS: Final = 0.3
"""Quiet up to this long counts as part of the word, as in the decision: "dra-carys"."""

LEAST_PEAK: Final = 0.003
LEAST_WORD_DB: Final = -50.0
LEAST_ABOVE_ROOM_DB: Final = 6.0
CLIPPED: Final = 0.985
CLIPPED_SHARE: Final = 0.01
"""Share of the word's samples at full scale; fewer are single, inaudible peaks."""

EDGE_SECONDS: Final = 0.02
EDGE_BELOW_WORD_DB: Final = 12.0
"""If the first or last 20 ms of a take are this near to the word's level, the word is cut off."""

SAY_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.6
READING_SECONDS: Final = 2.0
"""Time to read what is wrong with a take before the next one."""

MOST_REFUSED: Final = 4
"""Takes refused in a row after which another try will not help."""


@dataclass(frozen=True, eq=False)
class TakeFeatures:
    """The stored features of a take.

    Attributes
    ----------
    rows : float32 (n_frames, n), as `kws_live.model.Model.rows` gives them, of any length
    onset, offset : first frame of the word and the one after its last
    spoken : whether a synthesiser said it
    """

    rows: Features
    onset: int
    offset: int
    spoken: bool = False


@dataclass(frozen=True, eq=False)
class Take:
    """One recording of the word.

    Attributes
    ----------
    name : of the file, or "take 3"
    samples : float32 at 16 kHz
    begin, end : the word's first sample and the one after its last
    spoken : whether a synthesiser said it
    """

    name: str
    samples: Samples
    begin: int
    end: int
    spoken: bool = False

    @classmethod
    def of(cls, name: str, samples: Samples, spoken: bool = False) -> "Take":
        """Find the word in a recording at 16 kHz."""
        begin, end = find_word(samples, SPEECH_RATE_HZ, BRIDGE_SECONDS) if samples.any() else (0, samples.size)
        return cls(name, samples, begin, end, spoken)

    @property
    def word_seconds(self) -> float:
        """Duration of the word."""
        return (self.end - self.begin) / SPEECH_RATE_HZ

    def features(self, model: Model) -> TakeFeatures:
        """Return its features, with a little background noise around the word."""
        settings = model.card.features
        margin = round(MARGIN_SECONDS * SPEECH_RATE_HZ)
        first, last = max(0, self.begin - margin), min(self.samples.size, self.end + margin)
        samples = self.samples[first:last]
        # At least half a window, padded with zeros if the recording is shorter.
        samples = np.pad(samples, (0, max(0, settings.window_samples // 2 - samples.size)))
        rows = model.rows(samples)
        onset, offset = ((at - first) // settings.hop_samples for at in (self.begin, self.end))
        onset, offset = min(onset, len(rows) - 2), min(max(offset, onset + 1), len(rows))
        return TakeFeatures(rows, onset, offset, self.spoken)


def fault(take: Take) -> str | None:
    """Return what is wrong with a take by itself, and what to do; None if nothing is."""
    word = take.samples[take.begin : take.end]
    stands_out = level_db(word) >= _room_db(take) + LEAST_ABOVE_ROOM_DB
    faint = level_db(word) < LEAST_WORD_DB
    if np.abs(take.samples).max(initial=0.0) < LEAST_PEAK or (faint and not stands_out):
        return "no word was found; is the microphone muted? see: kws-live doctor"
    if faint:
        return f"too quiet ({level_db(word):.0f} dB); speak louder or come closer"
    if np.mean(np.abs(word) >= CLIPPED) > CLIPPED_SHARE:
        return "clipped; lower the input level or move away from the microphone"
    if not stands_out:
        return "the word does not stand out from the noise; speak louder, or make the room quieter"
    if take.word_seconds > LONGEST_WORD_SECONDS:
        return (
            f"too long ({take.word_seconds:.1f} s); say only the word, which may last up to {LONGEST_WORD_SECONDS:g} s"
        )
    if take.word_seconds < LEAST_WORD_SECONDS:
        return f"too short ({take.word_seconds:.2f} s), as a click or a breath; say the whole word"
    edge = round(EDGE_SECONDS * SPEECH_RATE_HZ)
    near = level_db(word) - EDGE_BELOW_WORD_DB
    if level_db(take.samples[:edge]) > near:
        return "its beginning is cut off; leave a moment of quiet before the word"
    if level_db(take.samples[-edge:]) > near:
        return "its end is cut off; leave a moment of quiet after the word"
    return None


def _room_db(take: Take) -> float:
    """Return the level of the quietest tenth of a take."""
    frames = take.samples[: take.samples.size // 160 * 160].reshape(-1, 160)
    powers = np.sort(np.mean(np.square(frames, dtype=np.float64), axis=1))
    powers = powers[powers > 1e-12]  # ignore digital silence
    return float(10 * np.log10(powers[: max(1, len(powers) // 10)].mean())) if len(powers) else -120.0


def same_recording(take: Take, others: Sequence[Take]) -> Take | None:
    """Return another take that is the same recording, bit for bit or nearly so; None if there is none."""
    word = take.samples[take.begin : take.end]
    for other in others:
        theirs = other.samples[other.begin : other.end]
        n = min(word.size, theirs.size)
        if (
            n
            and abs(word.size - theirs.size) <= 320
            and np.abs(word[:n] - theirs[:n]).max() <= 1e-3 * np.abs(word).max()
        ):
            return other
    return None


def read_takes(folder: Path) -> list[Take]:
    """Read the sound files of a folder, in alphabetical order; unreadable ones are logged.

    Raises
    ------
    DatasetError
        If there are none.
    """
    takes = []
    for path in sound_files(folder):
        try:
            takes.append(Take.of(path.name, read_mono(path, SPEECH_RATE_HZ)))
        except DatasetError as error:
            log.warning("%s; it is skipped", error)
    if not takes:
        raise DatasetError(f"{folder} has no sound files; put 3 to 10 recordings of the word into it ({KINDS})")
    return takes


def record_takes(
    source: AudioSource,
    word: str,
    n: int,
    judge: Callable[[Take, Sequence[Take]], str | None],
    say: Callable[[str], None],
) -> Iterator[Take]:
    """Record takes until ``n`` takes are good; time is measured in samples of the source.

    Parameters
    ----------
    source : read, not closed
    word : to say
    n : good takes wanted
    judge : a take and the good ones before it -> what is wrong with it
    say : called with an instruction for the speaker

    Raises
    ------
    SourceLostError
        If the source ends before.
    DatasetError
        If too many in a row are refused.
    """
    import soxr

    good: list[Take] = []
    n_refused = 0
    record_seconds(source, 0.5)  # the first samples of a microphone are often a click
    while len(good) < n:
        number = len(good) + 1
        say(f'take {number} of {n}: say "{word}" now')
        samples = record_seconds(source, SAY_SECONDS)
        samples = np.asarray(soxr.resample(samples, source.rate_hz, SPEECH_RATE_HZ), dtype=np.float32)
        take = Take.of(f"take {number}", samples)
        if (reason := judge(take, good)) is None:
            good.append(take)
            n_refused = 0
            say(f"take {number} is good ({take.word_seconds:.1f} s, {level_db(samples[take.begin : take.end]):.0f} dB)")
            yield take
        else:
            n_refused += 1
            if n_refused > MOST_REFUSED:
                raise DatasetError(f'{n_refused} takes of "{word}" were refused in a row, the last one: {reason}')
            say(f"try again: {reason}")
        if len(good) < n:
            record_seconds(source, PAUSE_SECONDS if reason is None else READING_SECONDS)


def record_seconds(source: AudioSource, seconds: float) -> Samples:
    """Record ``seconds``, mono.

    Raises
    ------
    SourceLostError
        If the source ends before.
    """
    blocks: list[NDArray[np.float32]] = []
    missing = round(seconds * source.rate_hz)
    while missing > 0:
        block = source.read(1.0)
        if block is None:
            raise SourceLostError(f"{source.name} ended before all takes were recorded")
        blocks.append(to_mono(block))
        missing -= block.shape[0]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
