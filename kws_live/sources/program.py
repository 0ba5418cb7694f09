"""Sound that another program writes to a pipe."""

import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.errors import AudioError, SourceLostError, SourceUnavailableError
from kws_live.sources.pcm_stream import PcmStream

OPEN_SECONDS: Final = 20.0
"""Time limit for the first audio; cameras take seconds to start."""


class ProgramSource:
    """PCM that a program writes to its standard output: s16, two channels at 22,050 Hz.

    Parameters
    ----------
    command : the program and its arguments
    name : for people
    live : whether its end counts as a loss
    opening : begin of the message if it fails

    Raises
    ------
    SourceUnavailableError
        If no audio comes.
    """

    rate_hz = SAMPLE_RATE_HZ
    n_overflows = 0

    def __init__(self, command: Sequence[str], name: str, live: bool, opening: str) -> None:
        self.live = live
        self.name = name
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints
        )
        assert self._process.stdout is not None
        self._stream = PcmStream(self._process.stdout.fileno(), SAMPLE_RATE_HZ, 2, name)
        try:
            self._first: Block | None = self._read_first()
        except AudioError:
            reason = self.why()
            self.close()
            raise SourceUnavailableError(f"{opening}: {reason}") from None

    def _read_first(self) -> Block:
        """Return the first audio; raise an AudioError if there is none."""
        end = time.monotonic() + OPEN_SECONDS
        while (left := end - time.monotonic()) > 0:
            block = self._stream.read(left)
            if block is not None and block.shape[0]:
                return block
        self._process.kill()
        raise AudioError("no audio arrived")

    def why(self) -> str:
        """Return the last line that the program wrote."""
        self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        if lines:
            return lines[-1].strip()
        return f"no audio within {OPEN_SECONDS:g} s" if self._process.returncode < 0 else "it contains no audio"

    def read(self, timeout_seconds: float) -> Block | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._complaints.closed:
            return None
        block = self._stream.read(timeout_seconds)
        if block is None and self.live:
            raise SourceLostError(f"{self.name} ended: {self.why()}")
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
