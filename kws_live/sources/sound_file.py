"""Sound files, through libsndfile: wav, flac, ogg, mp3 and more, at any rate and channel count."""

import io
import os
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from kws_live.audio import Block
from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.sources import require_rate
from kws_live.sources.sample_format import LARGEST_HEADER, read_wave_header
from kws_live.sources.sound_folder import FFMPEG_SUFFIXES, INSTALL, KINDS, has_ffmpeg
from kws_live.system.text_file import user_path

BLOCK_SECONDS = 0.06
MOST_BLOCKS = 12

BATCH_SECONDS = 0.24
"""Block length of a file played in real time: waking a thread costs more than processing a block."""


class _Onward(soundfile.SoundFile):  # type: ignore[misc]  # untyped
    """Reads sequentially: soundfile otherwise seeks after every read, which garbles MP3 at every block."""

    def seekable(self) -> bool:
        return False


def as_named(path: str | Path) -> str | bytes:
    """Return a path for soundfile: as bytes, because it cannot encode names that are not valid text."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)


def open_onward(path: str | Path) -> soundfile.SoundFile:
    """Open a sound file to be read sequentially, from its start or from a position sought first."""
    return _Onward(as_named(path))


def why_not_read(error: Exception) -> str:
    """Return libsndfile's message without the name of the file."""
    reason: str = getattr(error, "error_string", None) or str(error)
    if "not a regular file" in reason:  # what its MP3 decoder says of any file that is not MP3
        return "Format not recognised"
    return "the system refuses it (permissions?)" if "System error" in reason else reason.strip().rstrip(".")


def why_not_written(error: Exception) -> str:
    """Return the same for a file that was being written."""
    reason = why_not_read(error)
    # What its FLAC encoder says when the first bytes cannot be written.
    full = "initialization of the flac decoder" in reason or "refuses" in reason
    return "the system refuses it (permissions? a full disk?)" if full else reason


class NoSoundFileError(SourceUnavailableError):
    """A file that libsndfile cannot read; perhaps ffmpeg can."""


class _Data(io.FileIO):
    """A file without its first bytes."""

    def __init__(self, path: Path, n_bytes: int) -> None:
        self._n_bytes = n_bytes
        super().__init__(path)
        self.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return super().seek(offset + self._n_bytes if whence == os.SEEK_SET else offset, whence) - self._n_bytes

    def tell(self) -> int:
        return super().tell() - self._n_bytes


def _open(path: Path) -> tuple[soundfile.SoundFile, io.FileIO | None]:
    """Return the open file, and what must be closed after it."""
    file = open_onward(path)
    if file.frames or file.format not in ("WAV", "WAVEX") or not path.is_file():
        return file, None
    # An interrupted recorder has not written the length, but audio follows the header.
    with path.open("rb") as opened:
        head = opened.read(LARGEST_HEADER)
    try:
        wave = read_wave_header(head)
    except AudioError:
        wave = None
    if wave is None or path.stat().st_size <= wave.n_bytes:
        return file, None
    file.close()
    data = _Data(path, wave.n_bytes)
    subtype = {"u8": "PCM_U8", "s16": "PCM_16", "s24": "PCM_24", "s32": "PCM_32", "f32": "FLOAT"}[wave.sample_format]
    return _Onward(data, "r", wave.rate_hz, wave.n_channels, subtype, "LITTLE", "RAW"), data


class SoundFile:
    """Plays a sound file.

    Parameters
    ----------
    path : the file
    paced : in real time, like a microphone; False: as fast as it is read
    name : for people; the path if not given

    Raises
    ------
    SourceUnavailableError
        If it is missing, empty, or not a sound file.
    """

    live = False
    n_overflows = 0

    def __init__(self, path: str | Path, paced: bool = True, name: str | None = None) -> None:
        self.name = name or str(path)
        try:
            target = user_path(path, SourceUnavailableError)
            if not target.exists():
                raise SourceUnavailableError(f"no file {str(path)!r}")
            if target.is_dir():
                raise SourceUnavailableError(f"{str(path)!r} is a folder; give a sound file in it")
            if target.is_file() and target.stat().st_size == 0:
                raise SourceUnavailableError(f"{str(path)!r} is empty")
        except OSError as error:  # a name too long, a folder without access
            raise SourceUnavailableError(f"cannot open {str(path)!r}: {error.strerror or error}") from error
        try:
            self._file, self._data = _open(target)
        except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
            raise NoSoundFileError(
                f"cannot read {str(path)!r} as audio: {why_not_read(error)}; {_what_would_do(target)}"
            ) from error
        try:
            self.rate_hz = require_rate(int(self._file.samplerate), repr(self.name))
        except SourceUnavailableError:
            self._file.close()
            raise
        self._paced = paced
        self._begun: float | None = None
        self._n_read = 0

    def read(self, timeout_seconds: float) -> Block | None:
        if self._file.closed:
            return None
        n_samples = max(1, round(BLOCK_SECONDS * self.rate_hz))
        if self._paced:
            n_samples = round(BATCH_SECONDS * self.rate_hz)
            # A block is due when its last sample would have been spoken.
            now = time.monotonic()
            if self._begun is None:
                self._begun = now
            n_due = round((now - self._begun) * self.rate_hz) - self._n_read
            if n_due < n_samples:
                wait = (n_samples - n_due) / self.rate_hz
                time.sleep(min(wait, timeout_seconds))
                if wait > timeout_seconds:
                    return np.zeros((0, 1), np.float32)
            # A late reader gets everything that is due at once.
            n_samples = min(max(n_samples, n_due), MOST_BLOCKS * n_samples)
        try:
            block = self._file.read(n_samples, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(
                f"{self.name!r} breaks off at {self._n_read / self.rate_hz:.2f} s: {why_not_read(error)}"
            ) from error
        if not block.shape[0]:
            if not self._n_read:
                raise AudioError(f"{self.name!r} contains no samples")
            return None
        if not np.isfinite(block).all():
            seconds = self._n_read / self.rate_hz
            raise AudioError(
                f"{self.name!r} contains values that are not numbers (NaN or infinity) near {seconds:.2f} s"
            )
        self._n_read += block.shape[0]
        return np.asarray(block, dtype=np.float32)

    def close(self) -> None:
        self._file.close()
        if self._data is not None:
            self._data.close()


def _what_would_do(path: Path) -> str:
    if path.suffix.lower() in (".raw", ".pcm"):
        return f"raw samples do not say what they are; use --source stdin:16000 < {path}"
    if path.suffix.lower() in FFMPEG_SUFFIXES and not has_ffmpeg():
        return INSTALL
    return f"supported: {KINDS}"
