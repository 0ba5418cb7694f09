"""The capture thread's work: keep the ring buffer filled from a source, come what may."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.clock import wall_seconds
from kws_live.errors import AudioError, AudioGapError, KwsLiveError, SessionError, SourceLostError
from kws_live.events import Event, Health, SourceLost, SourceReopened
from kws_live.findings import Finding
from kws_live.intake import Intake, pieces
from kws_live.pipeline import HOP_SAMPLES, LAG_SAMPLES
from kws_live.ring_buffer import RingBuffer
from kws_live.signal_health import SignalHealth
from kws_live.sources import AudioSource

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
"""Longest wait of any thread before it looks whether to stop."""

LEAST_REST_SECONDS: Final = 0.06
"""A shorter rest saves no waking."""

REOPEN_PAUSES_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Pauses before each try to reopen a lost source; the last one repeats."""

Reopen = Callable[[], AudioSource]


class Capture:
    """Fills a ring buffer from a source; marks what is lost as gaps, and opens a lost source again.

    Parameters
    ----------
    ring : what is filled
    source : already open; closed at the end
    reopen : opens a lost source again; None: losing it is an error
    tell : called with `SourceLost`, `SourceReopened` and `Health`
    few_unread : waits a moment until at most so many samples wait to be looked at; False if there are more

    Attributes
    ----------
    source : as it is now: another object after it was reopened
    heard : when which positions were written, the newest last
    n_lost, lost_seconds : how often, and how long, the source was away
    """

    def __init__(
        self,
        ring: RingBuffer,
        source: AudioSource,
        reopen: Reopen | None,
        tell: Callable[[Event], None],
        few_unread: Callable[[int], bool],
    ) -> None:
        self.source = source
        self.heard: deque[tuple[int, float]] = deque(maxlen=400)
        self.n_lost = 0
        self.lost_seconds = 0.0
        self._ring = ring
        self._reopen = reopen
        self._tell = tell
        self._few_unread = few_unread
        self._stop = threading.Event()
        self._change: tuple[AudioSource, Reopen | None] | None = None
        self._change_lock = threading.Lock()
        self._overflows_before = 0
        self._n_asked = 0
        self._begin_source()

    @property
    def n_overflows(self) -> int:
        """How often audio was lost before a source could hand it over."""
        return self._overflows_before + self.source.n_overflows

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stop.set()

    def change_source(self, source: AudioSource, reopen: Reopen | None) -> None:
        """Go on with another source, already open.

        Raises
        ------
        SessionError
            If `run` has ended; the source is closed.
        """
        with self._change_lock:
            if self._ring.closed:
                source.close()
                raise SessionError("listening has ended, so there is no source to change; start again")
            if self._change is not None:
                self._change[0].close()
            self._change = (source, reopen)

    def run(self) -> None:
        """Capture until the source ends, or `stop` is called; then close the ring buffer and the source."""
        try:
            self._tell_of_namesakes()
            while not self._stop.is_set() and self._step():
                pass
        finally:
            with self._change_lock:
                self._ring.close()
                if self._change is not None:
                    self._change[0].close()
            try:
                self.source.close()
            except Exception:
                log.exception("the source %r failed to close", self.source.name)

    def _step(self) -> bool:
        """Take the next block; False at the end."""
        self._take_change()
        self._rest()
        try:
            block = self.source.read(POLL_SECONDS)
        except AudioGapError as gap:
            self._leave_gap(gap.seconds)
            return True
        except SourceLostError as error:
            if self._reopen is None:
                self._intake.finish()
                raise
            return self._open_again(error, self._reopen)
        except AudioError:
            self._intake.finish()  # what came before the break counts
            raise
        if block is None:
            self._intake.finish()
            return False
        if block.shape[0]:
            self._take(block)
        return True

    def _rest(self) -> None:
        """Sleep until the samples that the detector waits for are due, where the source keeps them.

        Each waking costs time: what the detector does not ask for yet it is expected to ask for as it did before.
        """
        while getattr(self.source, "keeps_blocks", False) and not self._stop.is_set():
            position, wanted = self._ring.position, self._ring.wanted
            if wanted is not None:
                self._n_asked = wanted - position
            rest = self._last_block_seconds + self._n_asked / SAMPLE_RATE_HZ - wall_seconds()
            if rest <= LEAST_REST_SECONDS:
                return
            self._ring.rest(position + self._n_asked - HOP_SAMPLES, rest)

    def _take(self, block: Block) -> None:
        for piece in pieces(block, self.source.rate_hz):
            self._intake.take(piece)
            self.heard.append((self._ring.position, time.monotonic()))
            # What waits to be read must not outrun the detector; what is live must be taken, come what may.
            if not self.source.live:
                self._wait_for_detector(self._ring.capacity_samples // 2)
        self._last_block_seconds = wall_seconds()
        if self.source.live:
            for change in self._health.take(block, self._last_block_seconds, self.source.n_overflows):
                self._tell(as_event(change.finding, self._ring.position, self.source.name, change.over))

    def _tell_of_namesakes(self) -> None:
        if n_others := getattr(self.source, "n_namesakes", 0):  # only devices have them
            finding = Finding("same_name", f"{n_others + 1} devices are called {self.source.name!r}")
            self._tell(as_event(finding, self._ring.position, self.source.name))

    def _begin_source(self) -> None:
        self._intake = Intake(self._ring, self.source.rate_hz)
        self._health = SignalHealth(self.source.rate_hz)
        self._last_block_seconds = wall_seconds()

    def _wait_for_detector(self, largest_unread: int) -> None:
        while not self._few_unread(largest_unread) and not self._stop.is_set():
            pass

    def _leave_gap(self, seconds: float) -> None:
        n_samples = max(1, round(seconds * SAMPLE_RATE_HZ))
        self._intake.flush()
        if n_samples > self._ring.capacity_samples // 2:  # a long gap must not push out what was not looked at yet
            self._wait_for_detector(HOP_SAMPLES + LAG_SAMPLES)
        self._ring.skip(n_samples)
        self._intake = Intake(self._ring, self.source.rate_hz)

    def _take_change(self) -> bool:
        """Go over to the source of `change_source`, if there is one."""
        with self._change_lock:
            if self._change is None:
                return False
            before, (self.source, self._reopen), self._change = self.source, self._change, None
        self._overflows_before += before.n_overflows
        before.close()
        self._leave_gap(0.0)  # what follows is another sound: no window may hold both
        self._begin_source()
        return True

    def _open_again(self, error: SourceLostError, reopen: Reopen) -> bool:
        """Open the lost source again; False if it was stopped meanwhile."""
        lost_at = self._last_block_seconds
        self.n_lost += 1
        self._tell(SourceLost(reason=str(error), position=self._ring.position, source=self.source.name))
        self.source.close()
        n_tries = 0
        while not self._stop.wait(REOPEN_PAUSES_SECONDS[min(n_tries, len(REOPEN_PAUSES_SECONDS) - 1)]):
            n_tries += 1
            if self._take_change():
                return True
            try:
                opened = reopen()
            except KwsLiveError as again:
                log.debug("not back yet: %s", again)
                continue
            first = self._first_block(opened)
            if first is None:
                opened.close()
                continue
            lost_seconds = max(0.0, wall_seconds() - first.shape[0] / opened.rate_hz - lost_at)
            self.lost_seconds += lost_seconds
            self._leave_gap(lost_seconds)
            self._overflows_before += self.source.n_overflows
            self.source = opened
            self._begin_source()
            self._tell(SourceReopened(lost_seconds=lost_seconds, position=self._ring.position, source=self.source.name))
            self._take(first)
            return True
        return False

    def _first_block(self, source: AudioSource) -> Block | None:
        """The first audio of a source that was reopened: one that opens and stays dumb is not back."""
        try:
            while not self._stop.is_set():
                block = source.read(POLL_SECONDS)
                if block is None or block.shape[0]:
                    return block
        except (SourceLostError, AudioGapError) as error:
            log.debug("not back yet: %s", error)
        return None


def as_event(finding: Finding, position: int, source: str, over: bool = False) -> Health:
    """A finding as an event."""
    return Health(
        finding=finding.name,
        summary=finding.summary,
        advice=finding.advice,
        certainty=finding.certainty,
        over=over,
        position=position,
        source=source,
    )
