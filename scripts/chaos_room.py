"""Simulated rooms in which a word is spoken every 1.5 seconds, and microphones that break, for scripts/chaos."""

import math
import random
import threading
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.errors import AudioGapError, SourceLostError
from kws_live.system.clock import wall_seconds
from kws_live.testing import tone

WORDS: Final = ("yes", "no", "stop")
SPACING_SECONDS: Final = 1.5
"""Time from one word to the next."""

BLOCK_SECONDS: Final = 0.06


@dataclass
class Room:
    """The words spoken, by the clock, and the current fault of the microphone."""

    rng: random.Random
    begun: float = field(default_factory=wall_seconds)
    broken_until: float = 0.0
    fault: str = ""
    n_losses: int = 0

    def go_wrong(self, fault: str, seconds: float) -> None:
        """Start a fault that lasts for ``seconds``."""
        self.fault, self.broken_until = fault, wall_seconds() + seconds

    def lose(self) -> None:
        """Count a lost or hung source, which must be reported."""
        self.n_losses += 1

    def word(self, number: int) -> str:
        return WORDS[number % len(WORDS)]

    def audio(self, begin: float, n_samples: int, rate_hz: int) -> Block:
        """Return the audio from ``begin`` seconds on."""
        at = begin + np.arange(n_samples) / rate_hz
        quiet = np.random.default_rng(round(begin * 1000)).normal(0, 1e-4, n_samples)
        number = np.floor(at / SPACING_SECONDS)
        within = at - number * SPACING_SECONDS
        for one in np.unique(number).astype(int):
            speaking = (number == one) & (within < 0.4)
            sound = tone(self.word(int(one)))
            index = np.minimum((within[speaking] * SAMPLE_RATE_HZ).astype(int), sound.size - 1)
            quiet[speaking] += sound[index]
        return quiet.astype(np.float32)[:, np.newaxis]


class Microphone:
    """Records a room in real time, subject to the room's fault."""

    live = True
    n_overflows = 0

    def __init__(self, room: Room, rate_hz: int) -> None:
        self.name = f"microphone at {rate_hz} Hz"
        self.rate_hz = rate_hz
        self.closed = threading.Event()
        self._room = room
        self._at = wall_seconds() - room.begun

    def read(self, timeout_seconds: float) -> Block | None:
        room = self._room
        empty = np.zeros((0, 1), np.float32)
        if self.closed.wait(BLOCK_SECONDS):
            return None
        now = wall_seconds()
        fault = room.fault if now < room.broken_until else ""
        match fault:
            case "loss" | "silent":
                room.lose()
                raise SourceLostError("pulled out")
            case "raise":
                room.lose()
                raise room.rng.choice([RuntimeError("driver"), OSError("input"), ValueError("odd"), EOFError()])
            case "stall" | "burst":
                return empty
            case "hang":
                room.lose()
                self.closed.wait(room.broken_until - now)
                return empty
        heard_until = now - room.begun
        if room.fault == "gap" and self._at < room.broken_until - room.begun:
            seconds, self._at = heard_until - self._at, heard_until
            raise AudioGapError(seconds)
        if room.fault == "stall" and self._at < room.broken_until - room.begun:
            self._at = heard_until - BLOCK_SECONDS  # unread audio is lost
        if room.fault == "rate" and fault:
            self.rate_hz = room.rng.choice([16_000, 22_050, 44_100, 48_000])
        n_samples = round((heard_until - self._at) * self.rate_hz)
        block = room.audio(self._at, n_samples, self.rate_hz)
        self._at += n_samples / self.rate_hz
        if fault == "nan":
            block[room.rng.randrange(max(1, n_samples)) :] = room.rng.choice([math.nan, math.inf, -math.inf, 1e30])
        return block

    def close(self) -> None:
        self.closed.set()


class SilentMicrophone(Microphone):
    """Opens, but delivers nothing."""

    def read(self, timeout_seconds: float) -> Block | None:
        self.closed.wait(min(0.1, timeout_seconds))
        return np.zeros((0, 1), np.float32)
