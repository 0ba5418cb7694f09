"""Raw little-endian PCM from a pipe or another byte stream."""

import os
import sys

import numpy as np

from kws_live.audio import Block
from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.sources import require_rate
from kws_live.sources.sample_format import PcmDecoder, require_format
from kws_live.sources.waiting import readable

READ_BYTES = 8192


class PcmStream:
    """PCM from a file descriptor; a pipe blocks its writer, so nothing is lost.

    Parameters
    ----------
    descriptor : an open file descriptor; the caller closes it
    rate_hz, n_channels, sample_format : what the bytes are, unless a WAV header says otherwise
    """

    live = False
    watched = True
    n_overflows = 0

    def __init__(
        self, descriptor: int, rate_hz: int, n_channels: int = 1, name: str = "stdin", sample_format: str = "s16"
    ) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self._descriptor = descriptor
        self._decoder = PcmDecoder(rate_hz, n_channels, sample_format)
        self._has_given = False

    def read(self, timeout_seconds: float) -> Block | None:
        if self._descriptor < 0:
            return None
        # Windows cannot wait for a pipe; there the read itself blocks.
        if sys.platform != "win32" and not readable([self._descriptor], timeout_seconds):
            return np.zeros((0, self._decoder.n_channels), np.float32)
        try:
            got = os.read(self._descriptor, READ_BYTES)
        except OSError as error:
            raise AudioError(f"cannot read {self.name}: {error.strerror}") from error
        try:
            block = self._decoder.feed(got) if got else self._decoder.finish()
        except AudioError as error:
            raise AudioError(f"{self.name}: {error}") from error
        self._has_given |= block.shape[0] > 0
        if got:
            return block
        if not self._has_given:
            raise AudioError(f"no audio arrived on {self.name}; check the program that writes it")
        return block if block.shape[0] else None

    def close(self) -> None:
        self._descriptor = -1


def open_stdin(layout: str) -> PcmStream:
    """Open standard input; ``layout`` is RATE[,CHANNELS[,FORMAT]], by default 16000,1,s16.

    Raises
    ------
    SourceUnavailableError
        If the layout is invalid, or standard input is closed, a terminal, or not a stream of bytes.
    """
    rate, *given = (layout or "16000").split(",")
    channels, sample_format, *more = given + [""] * (2 - len(given))
    if not (rate.isascii() and rate.isdigit() and len(rate) < 10):
        raise SourceUnavailableError(f"stdin:{layout}: {rate!r} is not a sample rate; use one as in stdin:16000")
    rate_hz = require_rate(int(rate), f"stdin:{layout}")
    if channels and not (channels.isascii() and channels.isdigit() and len(channels) < 3 and 1 <= int(channels) <= 64):
        raise SourceUnavailableError(f"stdin:{layout}: the channels must be 1 to 64, as in stdin:48000,2")
    if more:
        raise SourceUnavailableError(f"stdin:{layout}: use RATE,CHANNELS,FORMAT, as in stdin:48000,2,s32")
    sample_format = require_format(sample_format or "s16", f"stdin:{layout}")
    if sys.stdin is None or getattr(sys.stdin, "closed", False):
        raise SourceUnavailableError("standard input is closed; pipe PCM into it")
    try:
        if sys.stdin.isatty():
            raise SourceUnavailableError("standard input is a terminal; pipe PCM into it")
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):  # replaced by a notebook, a test or a program
        raise SourceUnavailableError(
            "standard input was replaced by something that holds no bytes; run the program from a shell, with a pipe"
        ) from None
    return PcmStream(descriptor, rate_hz, int(channels or 1), "stdin", sample_format)
