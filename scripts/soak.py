"""Listen for hours and check that nothing grows, drifts or is lost: memory, threads, handles, positions, events.

scripts/soak --hours 24                            a day of audio, as fast as possible, through a session's threads
scripts/soak --real-time --minutes 30 -s mic:      a real microphone; play something into it
scripts/soak --starts 1000                         repeated starts and stops
"""

import argparse
import gc
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

import kws_live
from kws_live.audio import SAMPLE_RATE_HZ, Block, Samples
from kws_live.errors import AudioGapError, SourceLostError
from kws_live.events import AudioSkipped, Detection, Event, SourceReopened
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.system.clock import wall_seconds

RATE_HZ = 48_000
BLOCK = 1920
STRETCH_SECONDS = 60
"""Words, noise and silence; whole hops and whole blocks, so that every stretch gives the same decisions."""
SAMPLES_EACH = STRETCH_SECONDS * SAMPLE_RATE_HZ
LOST_EVERY, SLEEP_EVERY = 50, 400
SHORT_GAP_SECONDS = 0.08
SLEEP_SECONDS = 27 * 3600.0
"""A sleep of more than a day, so that the first one takes the position beyond 2**31."""
MOST_GROWTH_MB = 2.0


def one_stretch() -> Samples:
    """Return the bundled words in a quiet room, then louder noise, then digital silence, at 48 kHz."""
    words, rate = soundfile.read(Path(kws_live.__file__).parent / "sources" / "demo.flac", dtype="float32")
    words = soxr.resample(words, rate, RATE_HZ)
    stretch = np.random.default_rng(1).normal(0, 10 ** (-65 / 20), STRETCH_SECONDS * RATE_HZ)
    stretch[RATE_HZ : RATE_HZ + words.size] += words
    noise = slice(35 * RATE_HZ, 45 * RATE_HZ)
    stretch[noise] *= 100
    stretch[45 * RATE_HZ :] = 0
    return stretch.astype(np.float32)


class Stretches:
    """A source that delivers the same stretch repeatedly, with a gap, a sleep or a loss in between."""

    live = False  # it can wait, so nothing is dropped on a slow machine
    rate_hz = RATE_HZ
    name = "soak"

    def __init__(self, stretch: Samples, n_stretches: int) -> None:
        self.n_overflows = 0
        self.n_done = 0
        self.gaps: deque[int] = deque()  # in samples; 0: determined by the clock
        self._stretch, self._n_stretches = stretch, n_stretches
        self._blocks = self._run()

    def _run(self) -> Iterator[Block]:
        for begin in range(0, self._stretch.size, BLOCK):
            yield self._stretch[begin : begin + BLOCK, np.newaxis]

    def read(self, timeout_seconds: float) -> Block | None:
        block = next(self._blocks, None)
        if block is not None:
            return block
        self.n_done += 1
        self._blocks = self._run()
        if self.n_done == self._n_stretches:
            return None
        if self.n_done % LOST_EVERY == 0:
            self.gaps.append(0)
            raise SourceLostError("the soak pulled the plug")
        seconds = SLEEP_SECONDS if self.n_done % SLEEP_EVERY == 1 else SHORT_GAP_SECONDS
        self.gaps.append(round(seconds * SAMPLE_RATE_HZ))
        raise AudioGapError(seconds)

    def close(self) -> None:
        """Nothing to release."""


class Watch:
    """Memory, threads and file handles of this process, and their growth since the warm-up."""

    def __init__(self) -> None:
        self.first: tuple[float, int, int] | None = None
        self.last = self.now()

    @staticmethod
    def now() -> tuple[float, int, int]:
        """Return resident MB, threads, handles (memory and handles are 0 except on Linux)."""
        if sys.platform != "linux":
            return 0.0, threading.active_count(), 0
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return (
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
        )

    def look(self, text: str, is_warm: bool) -> None:
        """Print a line."""
        self.last = self.now()
        if is_warm and self.first is None:
            self.first = self.last
        memory, threads, handles = self.last
        print(f"{text}   {memory:7.2f} MB   {threads} threads   {handles} handles", flush=True)

    def verdict(self) -> list[str]:
        """Return what grew."""
        if self.first is None:
            return ["too short to say whether anything grows"]
        growth, threads, handles = (last - first for last, first in zip(self.last, self.first, strict=True))
        print(f"after the warm-up: {growth:+.2f} MB, {threads:+d} threads, {handles:+d} handles")
        wrong = [f"memory grew by {growth:.2f} MB"] if growth > MOST_GROWTH_MB else []
        return wrong + ([f"{threads:+d} threads, {handles:+d} handles"] if threads > 0 or handles > 0 else [])


class _Check:
    """Compares the events of each stretch with those expected.

    Attributes
    ----------
    begin : first position of the stretch
    n_words : number detected so far
    wrong : deviations
    """

    def __init__(self, source: Stretches, expected: list[tuple[int, str]], n_stretches: int) -> None:
        self.begin = 0
        self.n_words = 0
        self.wrong: list[str] = []
        self.watch = Watch()
        self.begun = time.monotonic()
        self._source, self._expected, self._n_stretches = source, expected, n_stretches
        self._seen: list[tuple[int, str]] = []
        self._lost = 0

    def note(self, event: Event) -> None:
        """Process the next event."""
        if isinstance(event, SourceReopened):
            self._lost = round(event.lost_seconds * SAMPLE_RATE_HZ)
        elif isinstance(event, AudioSkipped):
            self.close_stretch()
            self._begin_stretch(event.position)
        elif isinstance(event, Detection):
            self._seen.append((event.position - self.begin, event.keyword))

    def close_stretch(self) -> None:
        """Check the words of a finished stretch."""
        if self._seen != self._expected:
            self.wrong.append(f"stretch at {self.begin}: {self._seen}")
        self.n_words += len(self._seen)
        self._seen = []

    def _begin_stretch(self, position: int) -> None:
        due = self.begin + SAMPLES_EACH + (self._source.gaps.popleft() or self._lost)
        self._lost = 0
        if position != due:
            self.wrong.append(f"after {self.begin:,} it continues at {position:,} instead of {due:,}")
        self.begin = position
        done = self._source.n_done
        if done % max(1, self._n_stretches // 24) == 0:
            speed = done * STRETCH_SECONDS / (time.monotonic() - self.begun)
            text = f"{done * STRETCH_SECONDS / 3600:6.2f} h  at {position:>13,}  {speed:5.0f} x real time"
            self.watch.look(text, done >= self._n_stretches // 10)


def fast(hours: float, model: str) -> list[str]:
    """Replay as fast as possible; returns what went wrong."""
    stretch = one_stretch()
    n_stretches = max(2, round(hours * 3600 / STRETCH_SECONDS))
    source = Stretches(stretch, n_stretches)
    expected = [
        (event.position, event.keyword)
        for event in kws_live.detect(stretch, rate_hz=RATE_HZ, model=model)
        if isinstance(event, Detection)
    ]
    print(f"{n_stretches} stretches of {STRETCH_SECONDS} s, {len(expected)} words in each: {expected}")
    check = _Check(source, expected, n_stretches)
    source_again = lambda: source  # noqa: E731  # the same source is plugged in again
    spotter = kws_live.Spotter(
        loaded := kws_live.load_model(model),
        settings := kws_live.detection.make_settings(loaded),
        source,
        ChangingPipeline(kws_live.detection.make_pipeline(loaded, settings)),
        reopen=source_again,
    )
    spotter.on(event=Event)(check.note)
    with spotter:
        spotter.wait()
        figures = spotter.statistics()
    check.close_stretch()
    wrong, whole = check.wrong, check.begin + SAMPLES_EACH + SAMPLE_RATE_HZ  # the tail of silence at the end
    if spotter.ring.position != whole:
        wrong.append(f"the stream ends at {spotter.ring.position:,} instead of {whole:,}")
    if source.gaps:
        wrong.append(f"{len(source.gaps)} gaps were not announced")
    took = time.monotonic() - check.begun
    hours = n_stretches * STRETCH_SECONDS / 3600
    print(
        f"{hours:.1f} h in {took:.0f} s; {check.n_words} words of {n_stretches * len(expected)}; "
        f"lost {figures.n_lost} times; the last position is {spotter.ring.position:,}, expected {whole:,} "
        f"(2**31 is {2**31:,})"
    )
    return wrong + check.watch.verdict()


def real_time(minutes: float, source: str, model: str) -> list[str]:
    """Listen through PortAudio; returns what went wrong."""
    watch, begun = Watch(), wall_seconds()
    counts: dict[str, int] = {}
    spotter = kws_live.listen(source, model=model)

    @spotter.on(event=Event)
    def note(event: Event) -> None:
        counts[event.type] = counts.get(event.type, 0) + 1

    lags = []
    with spotter:
        n_looks = max(4, round(minutes * 2))
        for look in range(n_looks):
            if spotter.wait(minutes * 60 / n_looks):
                return ["the source ended"]
            elapsed = wall_seconds() - begun
            lags.append(elapsed - spotter.ring.position / SAMPLE_RATE_HZ)
            skipped = spotter.statistics().samples_skipped
            text = f"{elapsed / 60:6.1f} min  {lags[-1]:6.3f} s behind the clock  {skipped:7} samples lost"
            watch.look(text, look >= n_looks // 10)
    for name, value in spotter.statistics().rows():
        print(f"{name:>12}  {value}")
    print(f"events: {counts}; the stream fell {lags[-1] - lags[0]:+.3f} s behind the clock in this time")
    wrong = watch.verdict()
    figures = spotter.statistics()
    if figures.samples_skipped or figures.n_overflows or figures.n_lost:
        wrong.append(f"{figures.samples_skipped} samples lost")
    return wrong


def starts(n_starts: int, model: str) -> list[str]:
    """Start and stop repeatedly, sometimes in the middle of a word; returns what went wrong."""
    loaded, watch = kws_live.load_model(model), Watch()
    for number in range(n_starts):
        spotter = kws_live.listen("demo:", model=loaded)
        spotter.on(event=Event)(lambda _event: None)
        with spotter:
            spotter.wait(0.02 * (number % 5))
        if number % max(1, n_starts // 10) == 0 or number == n_starts - 1:
            gc.collect()
            watch.look(f"{number + 1:6} starts", number >= n_starts // 4)
    return watch.verdict()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="hours of audio to replay as fast as possible")
    parser.add_argument("--fast", action="store_true", help="replay as fast as possible (the default)")
    parser.add_argument("--real-time", action="store_true", help="listen to a microphone in real time")
    parser.add_argument("--minutes", type=float, default=30.0, help="with --real-time")
    parser.add_argument("--starts", type=int, metavar="N", help="start and stop N times instead")
    parser.add_argument("--source", "-s", default="mic:", help="with --real-time")
    parser.add_argument("--model", "-m", default="commands-12")
    arguments = parser.parse_args()
    if arguments.starts:
        wrong = starts(arguments.starts, arguments.model)
    elif arguments.real_time:
        wrong = real_time(arguments.minutes, arguments.source, arguments.model)
    else:
        wrong = fast(arguments.hours, arguments.model)
    for line in wrong[:20]:
        print(f"WRONG: {line}")
    print("nothing wrong" if not wrong else f"{len(wrong)} things wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    assert STRETCH_SECONDS * SAMPLE_RATE_HZ % HOP_SAMPLES == 0
    sys.exit(main())
