"""Pauses while another program records from the same microphone, as it does during a call."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from kws_live.errors import SourceUnavailableError
from kws_live.live.audience import Audience
from kws_live.live.companion import Companion
from kws_live.live.session import Session
from kws_live.stream.findings import Finding

log = logging.getLogger(__name__)

CALL_SECONDS: Final = 8.0
"""A shorter recording is a note or a test, not a call."""

LOOK_SECONDS: Final = 1.0


class SteppingBack(Companion):
    """Suppresses words while another program has been recording for longer than `CALL_SECONDS`.

    Parameters
    ----------
    others : returns the streams of other programs from the same microphone, with their names; may raise a
        SourceUnavailableError
    clock : returns the time in seconds
    """

    def __init__(self, others: Callable[[], Mapping[int, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._others = others
        self._clock = clock
        self._looked_at = clock()
        self._since: dict[int, float] = {}
        self._session: Session | None = None
        self._audience: Audience | None = None
        self._resume: Callable[[int], None] | None = None
        self._caller = ""

    def meet(self, session: Session, audience: Audience) -> None:
        self._session, self._audience = session, audience

    def look(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            found = self._others()
        except SourceUnavailableError as error:  # the sound server restarts
            log.debug("%s", error)
            found = {}
        self._since = {stream: self._since.get(stream, now) for stream in found}
        calls = [found[stream] for stream, begun in self._since.items() if now - begun >= CALL_SECONDS]
        if bool(calls) != (self._resume is not None):
            self._change(calls)

    def _change(self, calls: list[str]) -> None:
        """Pause, or resume."""
        assert self._session is not None
        assert self._audience is not None
        position = self._session.ring.position
        if calls:
            self._caller = calls[0]
            self._resume = self._audience.mute(position)
            told = f"{self._caller!r} has recorded from this microphone for {CALL_SECONDS:g} s: paused"
        else:
            assert self._resume is not None
            self._resume(position)
            self._resume = None
            told = f"{self._caller!r} has stopped recording: listening again"
        self._session.tell_finding(Finding("other_recording", told), over=not calls)
