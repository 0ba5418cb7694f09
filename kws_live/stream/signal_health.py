"""Checks of the microphone signal: from blocks and their arrival times to findings. Pure."""

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from kws_live.audio import Block, Samples, level_db
from kws_live.stream.channels import CANCELLED, mean_share
from kws_live.stream.findings import Finding
from kws_live.stream.gap_finder import LATE_SECONDS

HISTORY_SECONDS: Final = 30
FULL_SCALE: Final = 0.985
"""A clipping converter stays at, or just below, its largest value."""

LEAST_CLIPS: Final = 5
"""Clipped runs per second; a single plosive may clip occasionally."""

LARGEST_OFFSET: Final = 0.02
"""-34 dB: sound cards stay below 0.005; a larger offset costs headroom."""

NOISY_DB: Final = -40.0
"""Speech at arm's length is about -25 dB; command mode needs it 12 dB above the room."""

QUIET_SPEECH_DB: Final = -50.0
"""25 dB below normal: the level at which the WebRTC detector begins to miss speech."""

SPOKEN_DB: Final = 15.0
"""A moment this much louder than the room counts as speech or another sound."""

NO_SOUND_DB: Final = -110.0
"""Below the noise of any 16-bit converter (-98 dB)."""

DEAD_DB: Final = 40.0
"""A channel this far below the other has no microphone."""

HUM_SHARE: Final = 0.5
HUM_DB: Final = -60.0
HUM_EVERY_SECONDS: Final = 10
RATE_TOLERANCE: Final = 0.015
"""Over 30 s: quartz clocks are accurate to 0.0001, but blocks arrive up to 0.2 s late."""


@dataclass(frozen=True)
class Second:
    """Measurements of one second of audio; levels in dB relative to full scale."""

    is_constant: bool
    offset: float
    peak: float
    n_clips: int
    levels_db: Samples
    n_overflows: int
    hum_hz: int
    channels_db: tuple[float, ...] = ()
    mean_share: float = 1.0


@dataclass(frozen=True)
class Change:
    """A finding that appeared, or that has passed."""

    finding: Finding
    over: bool


@dataclass(frozen=True)
class Measurement:
    """The measurements so far.

    Attributes
    ----------
    seconds : of audio
    rate_hz : samples per second of the system clock; None: not live, or too little audio
    peak_db : loudest sample
    floor_db, speech_db : 10th and 97th percentile of the level over the last 30 s
    """

    seconds: int
    rate_hz: float | None
    peak_db: float
    floor_db: float
    speech_db: float

    @property
    def no_speech(self) -> bool:
        """Whether nothing was louder than the room."""
        return self.snr_db <= SPOKEN_DB

    @property
    def snr_db(self) -> float:
        """Level of the loud moments above the room; meaningful only if there was speech."""
        return self.speech_db - self.floor_db


class SignalHealth:
    """Checks a stream second by second; each finding is reported when it appears and when it has passed.

    Parameters
    ----------
    rate_hz : of the blocks
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._waiting: list[Block] = []
        self._n_waiting = 0
        self._seconds: deque[Second] = deque(maxlen=HISTORY_SECONDS)
        self._n_seconds = 0
        self._peak = 0.0
        self._active: dict[str, Finding] = {}
        self._n_overflows = 0
        self._n_samples = 0
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=HISTORY_SECONDS + 1)
        self._last_arrived = math.inf

    def feed(self, block: Block, arrived_seconds: float | None = None, n_overflows: int = 0) -> list[Change]:
        """Process the next block; returns changes, once a second.

        Parameters
        ----------
        block : float32 (n_samples, n_channels)
        arrived_seconds : arrival time on the system clock; None: not a live stream
        n_overflows : the source's overflow count
        """
        self._waiting.append(block)
        self._n_waiting += block.shape[0]
        self._n_samples += block.shape[0]
        if arrived_seconds is not None:
            if arrived_seconds - block.shape[0] / self._rate_hz - self._last_arrived > LATE_SECONDS:
                self._arrivals.clear()  # a sudden delay is not a slow device
            self._last_arrived = arrived_seconds
        if self._n_waiting < self._rate_hz:
            return []
        joined = np.concatenate(self._waiting)
        self._waiting, self._n_waiting = [], 0
        if n_overflows != self._n_overflows:
            self._arrivals.clear()  # lost audio is not a slow device
        if arrived_seconds is not None:
            self._arrivals.append((arrived_seconds, self._n_samples))
        self._n_seconds += 1
        looks_for_hum = self._n_seconds % HUM_EVERY_SECONDS == 0
        second = measure_second(joined, self._rate_hz, n_overflows - self._n_overflows, looks_for_hum)
        self._n_overflows = n_overflows
        self._seconds.append(second)
        self._peak = max(self._peak, second.peak)
        return self._compare(self.findings())

    def _compare(self, now: Iterable[Finding]) -> list[Change]:
        found = {finding.name: finding for finding in now}
        gone = [Change(finding, True) for name, finding in self._active.items() if name not in found]
        come = [Change(finding, False) for name, finding in found.items() if name not in self._active]
        self._active = {name: self._active.get(name, finding) for name, finding in found.items()}
        return gone + come

    def measurement(self) -> Measurement:
        """Return the measurements so far."""
        levels = np.concatenate([second.levels_db for second in self._seconds] or [np.zeros(0, np.float32)])
        levels = levels[levels > NO_SOUND_DB]  # ignore the digital silence of a noise gate
        if not levels.size:
            levels = np.full(1, NO_SOUND_DB, np.float32)
        low, high = levels.size // 10, levels.size * 97 // 100
        ordered = np.partition(levels, (low, high))
        floor, speech = ordered[low], ordered[high]
        peak_db = float(20 * np.log10(max(self._peak, 1e-6)))
        return Measurement(self._n_seconds, self.rate_hz(), peak_db, float(floor), float(speech))

    def rate_hz(self) -> float | None:
        """Return the samples per second of the system clock; None until there is enough audio."""
        if len(self._arrivals) < 5:
            return None
        # Compare the earliest blocks of the first and last third: a busy machine reads blocks late, never early.
        third = max(1, len(self._arrivals) // 3)
        seconds = np.array([arrived for arrived, _ in self._arrivals])
        late = seconds - np.array([n_samples / self._rate_hz for _, n_samples in self._arrivals])
        elapsed = float(np.median(seconds[-third:]) - np.median(seconds[:third]))
        if elapsed <= 0:
            return None
        return self._rate_hz * (1 - float(late[-third:].min() - late[:third].min()) / elapsed)

    def findings(self) -> list[Finding]:
        """Return the current problems."""
        if not self._seconds:
            return []
        found = []
        last = list(self._seconds)

        def lasts(n_seconds: int, wrong: Callable[[Second], bool]) -> bool:
            return len(last) >= n_seconds and all(map(wrong, last[-n_seconds:]))

        if lasts(4, lambda second: second.is_constant):
            return [Finding("zeros", "no sound at all: access is denied, or the microphone is muted", "likely")]
        if lasts(5, lambda second: abs(second.offset) > LARGEST_OFFSET):
            found.append(Finding("offset", f"the signal has a DC offset of {last[-1].offset:+.3f}", "certain"))
        clipped = [second for second in last[-20:] if second.n_clips >= LEAST_CLIPS]
        if len(clipped) >= 2 or ("clipping" in self._active and clipped):
            found.append(Finding("clipping", f"too loud: {len(clipped)} of the last {len(last[-20:])} s clip"))
        hums = [second.hum_hz for second in last if second.hum_hz >= 0]
        if len(hums) >= 2 and hums[-1] > 0 and hums[-1] == hums[-2]:
            found.append(Finding("hum", f"the background is mostly mains hum at {hums[-1]} Hz", "likely"))
        overflows = sum(second.n_overflows for second in last)
        if overflows:
            found.append(Finding("overflow", f"audio was lost {overflows} times before it could be read"))
        return found + self._channels(last[-5:]) + self._levels_and_rate(len(last))

    def _channels(self, last: list[Second]) -> list[Finding]:
        """Return problems of mixing two channels."""
        if len(last) < 5 or any(len(second.channels_db) != 2 for second in last):
            return []
        loudest = [int(second.channels_db[1] > second.channels_db[0]) for second in last]
        if all(second.mean_share < CANCELLED and max(second.channels_db) > NO_SOUND_DB for second in last):
            choice = loudest[-1] + 1
            summary = f"the two channels cancel each other: only channel {choice} is used; choose it with #{choice}"
            return [Finding("antiphase", summary)]
        differences = [second.channels_db[0] - second.channels_db[1] for second in last]
        if min(map(abs, differences)) > DEAD_DB and len(set(loudest)) == 1:
            choice = loudest[-1] + 1
            summary = f"channel {3 - choice} is silent and halves the level; choose channel {choice} with #{choice}"
            return [Finding("dead_channel", summary, "possible")]
        return []

    def _levels_and_rate(self, n_seconds: int) -> list[Finding]:
        found = []
        now = self.measurement()
        if n_seconds >= 5 and now.floor_db > NOISY_DB:
            found.append(Finding("noisy", f"the room itself is loud: {now.floor_db:.0f} dB", "likely"))
        if n_seconds >= 5 and now.snr_db > SPOKEN_DB and now.speech_db < QUIET_SPEECH_DB:
            found.append(Finding("too_quiet", f"speech is only at {now.speech_db:.0f} dB", "likely"))
        whole = len(self._arrivals) == self._arrivals.maxlen
        if whole and now.rate_hz is not None and abs(now.rate_hz / self._rate_hz - 1) > RATE_TOLERANCE:
            summary = f"{now.rate_hz:,.0f} samples arrive per second instead of {self._rate_hz:,}"
            found.append(Finding("wrong_rate", summary, "likely"))
        return found


def measure_second(block: Block, rate_hz: int, n_overflows: int, looks_for_hum: bool) -> Second:
    """Measure one second of audio."""
    # All channels one after another, so that a clipping channel is not hidden by one that does not clip.
    flat = np.ascontiguousarray(block.T).reshape(-1)
    lowest, highest = float(flat.min()), float(flat.max())
    peak = max(-lowest, highest)
    offset = float(flat.mean())
    frame = max(1, rate_hz // 50)
    n_frames = flat.size // frame
    # The level excludes the DC offset.
    frames = (flat[: n_frames * frame] - np.float32(offset)).reshape(n_frames, frame)
    powers = np.einsum("ij,ij->i", frames, frames) / frame
    levels = 10 * np.log10(np.maximum(powers, 1e-12))
    return Second(
        is_constant=lowest == highest,
        offset=offset,
        peak=peak,
        n_clips=count_clips(flat) if peak >= FULL_SCALE else 0,
        levels_db=levels.astype(np.float32),
        n_overflows=n_overflows,
        hum_hz=find_hum(flat[: block.shape[0]], rate_hz) if looks_for_hum else -1,
        channels_db=tuple(level_db(block[:, k] - block[:, k].mean()) for k in (0, 1)) if block.shape[1] == 2 else (),
        mean_share=mean_share(block) if block.shape[1] == 2 else 1.0,
    )


def count_clips(samples: Samples) -> int:
    """Count the runs of three or more samples at full scale; a single one may be a true peak."""
    over = np.abs(samples) >= FULL_SCALE
    runs = over[:-2] & over[1:-1] & over[2:]
    return int(np.count_nonzero(runs[1:] & ~runs[:-1])) + int(runs.size > 0 and bool(runs[0]))


def find_hum(samples: Samples, rate_hz: int) -> int:
    """Return 50 or 60 if mains hum of that frequency and its harmonics make up most of the power; otherwise 0."""
    if level_db(samples - samples.mean()) < HUM_DB:
        return 0
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(samples.size))))
    per_hz = samples.size / rate_hz
    whole = float(power[round(20 * per_hz) :].sum())
    for mains_hz in (50, 60):
        lines = [round(k * mains_hz * per_hz) for k in range(1, 9)]
        share = sum(float(power[line - 2 : line + 3].sum()) for line in lines) / max(whole, 1e-12)
        # Harmonics of a voice may fall on these lines too, but only hum is there all the time.
        if share > HUM_SHARE:
            return mains_hz
    return 0
