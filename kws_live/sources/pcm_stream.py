"""Raw 16-bit little-endian PCM from a pipe or another byte stream."""

import os
import select
import sys

import numpy as np

from kws_live.audio import Block, pcm16_to_float
from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.sources import require_rate

READ_BYTES = 8192


class PcmStream:
    """Hands over PCM from a file descriptor; a pipe makes its writer wait, so nothing is lost.

    Parameters
    ----------
    descriptor : an open file descriptor; the caller keeps it
    rate_hz, n_channels : what the bytes are
    """

    live = False
    n_overflows = 0

    def __init__(self, descriptor: int, rate_hz: int, n_channels: int = 1, name: str = "stdin") -> None:
        self.name = name
        self.rate_hz = rate_hz
        self._descriptor = descriptor
        self._n_channels = n_channels
        self._rest = b""

    def read(self, timeout_seconds: float) -> Block | None:
        empty = np.zeros((0, self._n_channels), np.float32)
        if self._descriptor < 0:
            return None
        # Windows cannot wait for a pipe with select; there the read itself waits.
        if sys.platform != "win32" and not select.select([self._descriptor], [], [], timeout_seconds)[0]:
            return empty
        try:
            got = os.read(self._descriptor, READ_BYTES)
        except OSError as error:
            raise AudioError(f"cannot read {self.name}: {error.strerror}") from error
        if not got:
            return None
        whole = self._rest + got
        n_bytes = len(whole) - len(whole) % (2 * self._n_channels)
        self._rest = whole[n_bytes:]
        return pcm16_to_float(np.frombuffer(whole[:n_bytes], "<i2").reshape(-1, self._n_channels))

    def close(self) -> None:
        self._descriptor = -1


def open_stdin(layout: str) -> PcmStream:
    """Open standard input; ``layout`` is RATE or RATE,CHANNELS (16000 if empty)."""
    rate, _, channels = (layout or "16000").partition(",")
    if not (rate.isascii() and rate.isdigit() and len(rate) < 10):
        raise SourceUnavailableError(f"stdin:{layout}: {rate!r} is no rate; use one as in stdin:16000")
    rate_hz = require_rate(int(rate), f"stdin:{layout}")
    if channels and not (channels.isascii() and channels.isdigit() and len(channels) < 3 and 1 <= int(channels) <= 64):
        raise SourceUnavailableError(f"stdin:{layout}: the channels must be 1 to 64, as in stdin:48000,2")
    if sys.stdin is None or sys.stdin.closed:
        raise SourceUnavailableError("standard input is closed; pipe 16-bit PCM into it")
    if sys.stdin.isatty():
        raise SourceUnavailableError("standard input is a terminal; pipe 16-bit PCM into it")
    return PcmStream(sys.stdin.fileno(), rate_hz, int(channels or 1))
