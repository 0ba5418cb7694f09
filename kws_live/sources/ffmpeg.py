"""Whatever ffmpeg can read: cameras, radio stations, films, m4a and webm files."""

import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.errors import AudioError, SourceLostError, SourceUnavailableError
from kws_live.sources.pcm_stream import PcmStream
from kws_live.system.address import shown

OPEN_SECONDS: Final = 20.0
"""Cameras take seconds to begin."""


class Ffmpeg:
    """Audio of a file or an address, decoded by the program ffmpeg, two channels at 22,050 Hz.

    Parameters
    ----------
    place : a file, or an address such as ``rtsp://camera/stream``
    paced : a file comes at the speed of life; otherwise as fast as it is read

    Raises
    ------
    SourceUnavailableError
        If ffmpeg is not installed, or cannot read it.
    """

    rate_hz = SAMPLE_RATE_HZ
    n_overflows = 0

    def __init__(self, place: str, paced: bool = True) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise SourceUnavailableError(
                f"{shown(place)!r} needs ffmpeg; install it (Debian, Ubuntu: apt-get install ffmpeg)"
            )
        self.live = "://" in place
        self.name = shown(place)
        self._place = place
        command = [program, "-nostdin", "-hide_banner", "-loglevel", "error"]
        if paced and (not self.live or ".m3u8" in place):  # whose parts of several seconds come at once otherwise
            command.append("-re")
        if place.startswith("rtsp"):
            command += ["-rtsp_transport", "tcp"]
        command += ["-i", place, "-vn", "-sn", "-dn", "-ac", "2", "-ar", str(SAMPLE_RATE_HZ), "-f", "s16le", "pipe:1"]
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._complaints)
        assert self._process.stdout is not None
        self._stream = PcmStream(self._process.stdout.fileno(), SAMPLE_RATE_HZ, 2, self.name)
        try:
            self._first: Block | None = self._read_first()
        except AudioError:
            reason = self._why()
            self.close()
            raise SourceUnavailableError(f"ffmpeg cannot read {self.name!r}: {reason}") from None

    def _read_first(self) -> Block:
        """The first audio; an AudioError if there is none."""
        end = time.monotonic() + OPEN_SECONDS
        while (left := end - time.monotonic()) > 0:
            block = self._stream.read(left)
            if block is not None and block.shape[0]:
                return block
        self._process.kill()
        raise AudioError("no audio came")

    def _why(self) -> str:
        """The last thing ffmpeg said."""
        self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        if not lines:
            return (
                f"it gave no audio within {OPEN_SECONDS:g} s" if self._process.returncode < 0 else "it holds no audio"
            )
        said = lines[-1].strip().replace(self._place, self.name)
        return re.sub(r"\w+://[^\s'\"]+", lambda address: shown(address.group()), said)

    def read(self, timeout_seconds: float) -> Block | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._complaints.closed:
            return None
        block = self._stream.read(timeout_seconds)
        if block is None and self.live:
            raise SourceLostError(f"{self.name} ended: {self._why()}")
        return block

    def close(self) -> None:
        self._stream.close()
        self._first = None
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()
