"""Find words in a part of a sound file, so that all parts together give the same result as the whole file.

The pipeline's memory lasts only seconds: the window 1 s, the level of the room 4 s, a word that waits
for its pause 1.3 s, the refractory period. So processing of a part starts `LEAD_IN_SECONDS` before its beginning, and
only decisions within it are reported. Parts begin at multiples of 2 s: that is 25 hops, and a whole number
of samples at every usual rate, so that hops and resampled samples are aligned as in the whole file. Only the
voice-activity gate has a longer memory; a scan leaves it open by default.
"""

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.detection import make_pipeline, run
from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model, load_model
from kws_live.sources import require_rate
from kws_live.sources.ffmpeg import Ffmpeg
from kws_live.sources.sound_file import as_named, open_onward, why_not_read
from kws_live.sources.sound_folder import FFMPEG_SUFFIXES
from kws_live.spotting.decision_settings import DecisionSettings

LEAD_IN_SECONDS: Final = 10
GRID_SECONDS: Final = 2
READ_AHEAD_SECONDS: Final = 0.2
"""The resamplers lag by up to 60 ms and 22 ms, so decisions at the end of a part need a little audio after it."""

BLOCK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Excerpt:
    """A part of a sound file.

    Attributes
    ----------
    path : the file
    begin_seconds : a multiple of 2
    end_seconds : None: to the end of the file
    """

    path: str
    begin_seconds: int = 0
    end_seconds: int | None = None


@dataclass(frozen=True)
class Found:
    """Result of an excerpt, or the reason why it could not be read.

    Attributes
    ----------
    excerpt : the excerpt
    detections : in order of time; positions count from the beginning of the file
    audio_seconds : length of the excerpt, without its lead-in
    cpu_seconds : CPU time of the process since the file was opened
    broken : the reason, if it could not be read
    """

    excerpt: Excerpt
    detections: tuple[Detection, ...] = ()
    audio_seconds: float = 0.0
    cpu_seconds: float = 0.0
    broken: str = ""


class ExcerptSource:
    """Delivers a part of a sound file, with its lead-in, in one-second blocks."""

    live = False
    n_overflows = 0

    def __init__(self, excerpt: Excerpt) -> None:
        import soundfile

        self.name = excerpt.path
        try:
            self._file = open_onward(excerpt.path)
            self.rate_hz = require_rate(int(self._file.samplerate), repr(excerpt.path))
            self.begin_seconds = max(0, excerpt.begin_seconds - LEAD_IN_SECONDS)
            self._file.seek(self.begin_seconds * self.rate_hz)
        except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
            raise SourceUnavailableError(f"cannot read {excerpt.path!r} as audio: {why_not_read(error)}") from error
        self._end = np.inf
        if excerpt.end_seconds is not None:
            self._end = round((excerpt.end_seconds + READ_AHEAD_SECONDS) * self.rate_hz)
        self.n_read = self.begin_seconds * self.rate_hz

    def read(self, timeout_seconds: float) -> Block | None:
        import soundfile

        n_samples = int(min(BLOCK_SECONDS * self.rate_hz, self._end - self.n_read))
        if n_samples <= 0 or self._file.closed:
            return None
        try:
            block = self._file.read(n_samples, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(
                f"{self.name!r} breaks off at {self.n_read / self.rate_hz:.1f} s: {why_not_read(error)}"
            ) from error
        if not block.shape[0]:
            # The header may claim more than the file contains.
            if self.n_read < self._file.frames:
                raise AudioError(
                    f"{self.name!r} breaks off at {self.n_read / self.rate_hz:.1f} s of "
                    f"{self._file.frames / self.rate_hz:.1f} s"
                )
            return None
        if not np.isfinite(block).all():
            raise AudioError(f"{self.name!r} contains NaN or infinity near {self.n_read / self.rate_hz:.1f} s")
        self.n_read += block.shape[0]
        return np.asarray(block, dtype=np.float32)

    def close(self) -> None:
        self._file.close()


class DecodedSource:
    """Delivers a whole file decoded by ffmpeg."""

    live = False
    n_overflows = 0
    begin_seconds = 0

    def __init__(self, excerpt: Excerpt) -> None:
        self.name = excerpt.path
        self._source = Ffmpeg(f"file:{excerpt.path}", paced=False)
        self.rate_hz = self._source.rate_hz
        self.n_read = 0

    def read(self, timeout_seconds: float) -> Block | None:
        block = self._source.read(timeout_seconds)
        self.n_read += 0 if block is None else block.shape[0]
        return block

    def close(self) -> None:
        self._source.close()


def _is_for_ffmpeg(path: str) -> bool:
    """Whether ffmpeg must decode it: its suffix says so, and libsndfile cannot read it."""
    import soundfile

    if Path(path).suffix.lower() not in FFMPEG_SUFFIXES:
        return False
    try:
        soundfile.info(as_named(path))
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError):
        return True
    return False


@lru_cache(maxsize=1)
def _model(folder: str) -> Model:
    return load_model(folder)  # once in each worker


def spot(model: Model, settings: DecisionSettings, excerpt: Excerpt) -> Found:
    """Find words in an excerpt; an unreadable file is reported in the result."""
    since = time.process_time()
    try:
        source = DecodedSource(excerpt) if _is_for_ffmpeg(excerpt.path) else ExcerptSource(excerpt)
        detections = _detections(model, settings, excerpt, source)
    except AudioError as error:
        return Found(excerpt, broken=str(error), cpu_seconds=time.process_time() - since)
    end = source.n_read / source.rate_hz
    if excerpt.end_seconds is not None:
        end = min(end, excerpt.end_seconds)
    return Found(excerpt, detections, max(0.0, end - excerpt.begin_seconds), time.process_time() - since)


def spot_in_worker(folder: str, settings: DecisionSettings, excerpt: Excerpt) -> Found:
    """`spot` with a model folder instead of a model, for another process."""
    return spot(_model(folder), settings, excerpt)


def _detections(
    model: Model, settings: DecisionSettings, excerpt: Excerpt, source: "ExcerptSource | DecodedSource"
) -> tuple[Detection, ...]:
    pipeline = make_pipeline(model, LiveSettings(settings))
    offset = source.begin_seconds * SAMPLE_RATE_HZ
    first = excerpt.begin_seconds * SAMPLE_RATE_HZ
    last = np.inf if excerpt.end_seconds is None else excerpt.end_seconds * SAMPLE_RATE_HZ
    found = []
    for step in run(pipeline, source):
        for event in step.events:
            if isinstance(event, Detection) and first < event.decided_position + offset <= last:
                begin, end = event.word_begin_position, event.word_end_position
                found.append(
                    replace(
                        event,
                        source=excerpt.path,
                        position=event.position + offset,
                        decided_position=event.decided_position + offset,
                        word_begin_position=None if begin is None else begin + offset,
                        word_end_position=None if end is None else end + offset,
                    )
                )
    return tuple(found)
