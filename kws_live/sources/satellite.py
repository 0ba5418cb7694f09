"""What satellites over TCP and UDP have in common: the address, whose turn it is, and pauses."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from kws_live.audio import Block
from kws_live.errors import AudioGapError, SourceUnavailableError
from kws_live.sources import require_rate
from kws_live.sources.sample_format import PcmDecoder, require_format
from kws_live.system.address import shown

YIELD_SECONDS: Final = 2.0
"""After this time without audio from one satellite another is heard; both at once would be garbled."""

WORD_END_SECONDS: Final = 0.5
"""After this time without audio a satellite that pauses has ended a word ..."""

TAIL_SECONDS: Final = 1.5
"""... and silence is inserted until this time after it, so that the word is decided."""


class Address:
    """A parsed ``tcp://HOST:PORT?rate=16000&channels=1&format=s16``."""

    def __init__(self, url: str) -> None:
        example = f"use one such as {url.partition(':')[0]}://192.168.1.7:5000?rate=16000&channels=1"
        try:
            parts = urlsplit(url)
            options = parse_qs(parts.query, keep_blank_values=True)
            port = parts.port
            rate, channels = int(options.get("rate", ["16000"])[0]), int(options.get("channels", ["1"])[0])
        except ValueError as error:
            raise SourceUnavailableError(f"{shown(url)!r} is not an audio address: {error}; {example}") from error
        known = {"rate", "channels", "format", "listen", "pauses"}
        if strange := sorted(set(options) - known):
            raise SourceUnavailableError(
                f"{shown(url)!r} is not an audio address: unknown option {strange[0]!r}; {example}"
            )
        if not parts.hostname or port is None or not 1 <= channels <= 64 or parts.path.strip("/"):
            raise SourceUnavailableError(f"{shown(url)!r} is not an audio address; {example}")
        self.name = f"{parts.scheme}://{parts.hostname}:{port}"
        self.place = (parts.hostname, port)
        self.rate_hz = require_rate(rate, self.name)
        self.n_channels = channels
        self.sample_format = require_format(options.get("format", ["s16"])[0], self.name)
        self.listen = "listen" in options
        self.pauses = "pauses" in options

    def decoder(self) -> PcmDecoder:
        """Return a decoder for one sender."""
        return PcmDecoder(self.rate_hz, self.n_channels, self.sample_format)


class Turn:
    """The turn of a sender: time uses it up, audio extends it; audio at half of real time keeps it.

    ``now`` is in seconds, by any clock.
    """

    def __init__(self, now: float) -> None:
        self._until = now + YIELD_SECONDS

    def extend(self, seconds: float, now: float) -> None:
        """Note that ``seconds`` of audio arrived at ``now``."""
        self._until = min(max(self._until, now) + 2 * seconds, now + YIELD_SECONDS)

    def is_over(self, now: float) -> bool:
        """Whether another sender may be heard at ``now``."""
        return now > self._until


class Satellite(ABC):
    """A live source whose audio comes over the network.

    Parameters
    ----------
    address : of the satellite
    clock : seconds, as `kws_live.system.clock.wall_seconds`
    """

    live = True
    n_overflows = 0

    def __init__(self, address: Address, clock: Callable[[], float]) -> None:
        self.name = address.name
        self.rate_hz = address.rate_hz
        self.port = 0
        """Port number at this machine's end."""
        self._address = address
        self._clock = clock
        self._turn = Turn(clock())
        self._is_closed = False
        self._is_other = False
        self._next: Block | None = None
        self._heard_at: float | None = None
        self._filled_until = 0.0

    @property
    def pauses(self) -> bool:
        """Whether silence does not count as a loss: if requested, and before the first sender connects."""
        return self._address.pauses or (self._heard_at is None and self._waits_for_sender)

    @property
    def _waits_for_sender(self) -> bool:
        return True

    @abstractmethod
    def _receive(self, timeout_seconds: float) -> Block | None:
        """Return the next samples; wait at most this time for them."""

    def read(self, timeout_seconds: float) -> Block | None:
        if self._is_closed:
            return None
        block, self._next = self._next, None
        if block is None:
            block = self._receive(timeout_seconds)
            if block is None or not block.shape[0]:
                return self._fill()
            now = self._clock()
            self._turn.extend(block.shape[0] / self.rate_hz, now)
            is_other, self._is_other = self._is_other and self._heard_at is not None, False
            self._heard_at = self._filled_until = now
            if is_other:  # the length of the gap follows from the arrival times
                self._next = block
                raise AudioGapError(0.0)
        return block

    def _fill(self) -> Block:
        """Return silence for the time without audio, if a word may have ended."""
        now = self._clock()
        n_samples = 0
        if self._address.pauses and self._heard_at is not None:
            silent = now - self._heard_at
            if silent > WORD_END_SECONDS and self._filled_until < self._heard_at + TAIL_SECONDS:
                n_samples = round(min(now - self._filled_until, TAIL_SECONDS) * self.rate_hz)
                self._filled_until = now
        return np.zeros((n_samples, self._address.n_channels), np.float32)
