"""The work of the capture thread: fills the ring buffer from a source, whatever the source does."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from kws_live.audio import Block, finite
from kws_live.errors import AudioError, AudioGapError, KwsLiveError, SourceLostError
from kws_live.events import Event, SourceLost, SourceReopened
from kws_live.live.liveness import STILL_SECONDS, as_event
from kws_live.live.next_source import NextSource, Reopen, close_source
from kws_live.live.source_health import SourceHealth
from kws_live.live.timeline import Timeline
from kws_live.sources import AudioSource
from kws_live.stream.findings import Finding
from kws_live.stream.intake import Intake
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.clock import wall_seconds

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
"""Maximum wait of this thread between checks whether to stop."""

REOPEN_PAUSES_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Pauses before each attempt to reopen a lost source; the last one repeats."""


class Capture:
    """Fills a ring buffer from a source; marks lost audio as gaps, and reopens a lost source.

    It never waits for more than `POLL_SECONDS`, unless the source itself hangs; positions of a live source follow the
    clock, even across gaps and losses.

    Parameters
    ----------
    ring : the ring buffer to fill
    source : already open; closed at the end
    reopen : reopens a lost source; None: losing it is an error
    tell : called with `SourceLost`, `SourceReopened` and `Health`
    silent_seconds : a live source that delivers nothing for this long counts as lost
    clock : returns the time in seconds

    Attributes
    ----------
    source : the current source; a different object after it was reopened
    is_open : whether it is open; False while it is being reopened
    lost : why the source is lost; None if it is not
    has_ended : whether it ended and the session waits for another
    turned_at : time of the last activity, by `time.monotonic`
    n_lost, lost_seconds : how often, and how long, the source was lost
    """

    def __init__(
        self,
        ring: RingBuffer,
        source: AudioSource,
        reopen: Reopen | None,
        tell: Callable[[Event], object],
        silent_seconds: float = STILL_SECONDS,
        clock: Callable[[], float] = wall_seconds,
    ) -> None:
        self.source = source
        self.turned_at = time.monotonic()
        self.n_lost = 0
        self.lost_seconds = 0.0
        self._ring = ring
        self._reopen = reopen
        self._tell = tell
        self._silent_seconds = silent_seconds
        self._clock = clock
        self._stop = threading.Event()
        self._woken = threading.Event()  # to stop, or to change the source
        self._runner: threading.Thread | None = None
        self._next = NextSource()
        self._overflows_before = 0
        self._n_tries = 0
        self._n_overflows_seen = 0
        self._timeline = Timeline(clock())
        self.lost: str | None = None
        self.has_ended = self._stays = False
        self._is_resuming = False  # the next audio starts a new stretch
        self._begin_source()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The finding that the source is lost, if it is."""
        return () if self.lost is None else (Finding("source_lost", self.lost),)

    @property
    def n_overflows(self) -> int:
        """How often audio was lost before a source could deliver it."""
        return self._overflows_before + self.source.n_overflows

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stop.set()
        self._woken.set()

    def stay(self) -> None:
        """At the end of the source, wait for another instead of ending."""
        self._stays = True

    def change_source(self, source: AudioSource, reopen: Reopen | None) -> None:
        """Switch to another source, already open.

        Raises
        ------
        SessionError
            If `run` has ended; the source is closed.
        """
        self._next.put(source, reopen)
        self._woken.set()

    def run(self, after_hang: bool = False) -> None:
        """Capture until the source ends, or `stop` is called; then close the ring buffer and the source.

        If it is called again on another thread, that thread takes over from the previous one, which hangs in the source
        and does nothing more.

        Parameters
        ----------
        after_hang : start by reopening the source
        """
        self._runner = me = threading.current_thread()
        self.turned_at = time.monotonic()
        try:
            if after_hang:
                self._lose(SourceLostError(f"{self.source.name} does not respond"), close=False)
            else:
                self._health.tell_of_namesakes(self.source)
            while not self._stop.is_set() and self._turn():
                pass
        finally:
            if self._runner is me:
                self._next.close()
                self._ring.close()
                close_source(self.source)

    @property
    def can_reopen(self) -> bool:
        """Whether a hanging source can be reopened."""
        return self._reopen is not None

    def _turn(self) -> bool:
        """Take the next step; False at the end."""
        self.turned_at = time.monotonic()
        if self._apply_change():
            return True
        if self.has_ended:
            self._woken.wait(POLL_SECONDS)
            return True
        if not self.is_open:
            return self._try_to_open()
        source = self.source
        try:
            block = source.read(POLL_SECONDS)
            arrived = self._clock()
            if block is None and self.lost is not None:
                raise SourceLostError(f"{source.name} ended")
        except AudioGapError as gap:
            if self._is_mine(source) and self.lost is None:
                self._intake.leave_gap(gap.seconds)
            return True
        except Exception as error:
            return self._is_mine(source) and self._outlive(error)
        if not self._is_mine(source):
            return False
        if block is None:
            self.has_ended = self._stays
            self._intake.finish(close=not self._stays)
            return self._stays
        self._feed(block, arrived)
        return True

    def _outlive(self, error: Exception) -> bool:
        """Treat a source that can be reopened as lost; otherwise raise its error."""
        if self._reopen is None:
            if isinstance(error, AudioError):
                self._intake.finish()  # the audio before the error still counts
            raise error
        self._lose(error)
        return True

    def _is_mine(self, source: AudioSource) -> bool:
        """Whether this thread still captures; if another has taken over, the source is closed."""
        if self._runner is threading.current_thread():
            return True
        close_source(source)
        return False

    def _feed(self, block: Block, arrived: float) -> None:
        """Write a block, and any gap detected before it."""
        if not block.shape[0]:
            self._intake.feed(block, arrived)
            self._note_silence(arrived)
            return
        if self.source.rate_hz != self._rate_hz:
            self._intake.flush()
            self._is_resuming = True
        if self._is_resuming:
            self._resume(arrived - block.shape[0] / self.source.rate_hz)
        begun = arrived - block.shape[0] / self._rate_hz
        self._timeline.note(self._ring.position, begun, arrived, self._is_live)
        self._health.note_sound(self.source, arrived)
        block = finite(block)
        n_overflows = self.source.n_overflows
        is_spliced, self._n_overflows_seen = n_overflows != self._n_overflows_seen, n_overflows
        self._intake.feed(block, arrived, is_spliced)
        self._health.feed(self.source, block, arrived, n_overflows)

    def _make_room(self) -> None:
        """Wait for the detector if the source can wait; live audio must be read in any case."""
        while not self._ring.wait_for_room(POLL_SECONDS) and not self._is_live and not self._stop.is_set():
            self.turned_at = time.monotonic()

    def _note_silence(self, now: float) -> None:
        finding = self._health.silence(self.source, now)
        if finding is not None and self._reopen is not None:
            self._lose(SourceLostError(finding.summary))
        elif finding is not None:
            self._health.tell_silence(finding)

    def _begin_source(self) -> None:
        """Initialise the state of a new source."""
        self.is_open = True
        self._is_live = self.source.live
        self._rate_hz = self.source.rate_hz
        self._intake = Intake(self._ring, self._rate_hz, self._is_live, self._make_room)
        self._health = SourceHealth(
            self._rate_hz, self._is_live, self._tell_finding, self._silent_seconds, self._clock()
        )
        self._n_overflows_seen = self.source.n_overflows

    def _tell_finding(self, finding: Finding, over: bool = False) -> None:
        self._tell(as_event(finding, self._ring.position, self.source.name, over))

    def _apply_change(self) -> bool:
        """Switch to the source of `change_source`, if there is one."""
        self._woken.clear()
        if self._stop.is_set():
            self._woken.set()
        if (change := self._next.take()) is None:
            return False
        self._intake.flush()
        self._overflows_before += self.source.n_overflows
        close_source(self.source)
        self.source, self._reopen = change
        if self.has_ended:
            self._timeline = Timeline(self._clock())  # the wait is not a loss
            self.has_ended = False
        self._is_resuming = True  # no window may contain audio of both
        self._begin_source()
        return True

    def _lose(self, error: Exception, close: bool = True) -> None:
        """Handle the loss of a source, also of one that was reopened but delivered no audio."""
        if not isinstance(error, (KwsLiveError, OSError)):
            log.error("the source %r failed", self.source.name, exc_info=error)
        if self.lost is None:
            self._intake.flush()
            self.lost, self._is_resuming = str(error), True
            self._n_tries = 0
            self.n_lost += 1
            self._tell(SourceLost(reason=str(error), position=self._ring.position, source=self.source.name))
        self.is_open = False
        if close:
            close_source(self.source)

    def _try_to_open(self) -> bool:
        """After a pause, reopen the lost source; False if another thread has taken over in the meantime."""
        assert self._reopen is not None
        if self._woken.wait(REOPEN_PAUSES_SECONDS[min(self._n_tries, len(REOPEN_PAUSES_SECONDS) - 1)]):
            return True
        self._n_tries += 1
        try:
            opened = self._reopen()
        except Exception as error:  # a foreign source may raise anything, and be back a moment later
            log.debug("not back yet: %s", error)
            return self._runner is threading.current_thread()
        if not self._is_mine(opened):
            return False
        self._overflows_before += self.source.n_overflows
        self.source = opened
        self.is_open = True
        self._health.wait_from(self._clock())
        return True

    def _resume(self, begun: float) -> None:
        """Handle the first audio after a loss or of another source; only now a lost source counts as recovered."""
        away_seconds, n_away = self._timeline.absence(self._ring.position, begun, self.source.live)
        self._ring.skip(max(1, n_away))
        self._begin_source()
        self._is_resuming = False
        if self.lost is not None:
            self.lost = None
            self.lost_seconds += away_seconds
            self._tell(SourceReopened(lost_seconds=away_seconds, position=self._ring.position, source=self.source.name))
