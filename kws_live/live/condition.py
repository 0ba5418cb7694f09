"""Whether a spotter receives audio and delivers events at this moment."""

from dataclasses import dataclass

from kws_live.errors import KwsLiveError
from kws_live.live.audience import Audience
from kws_live.live.session import Session
from kws_live.stream.findings import Finding
from kws_live.system.outside_log import one_line


@dataclass(frozen=True)
class Condition:
    """Problems of a spotter; all fields are false and empty if there are none.

    Attributes
    ----------
    is_over : listening has ended
    broke : the error that ended it, as text; empty: none
    source_has_ended : the source ended, and the session waits for another
    is_muted : a word that ends now would be suppressed
    findings : a lost source, a part that hangs
    """

    is_over: bool
    broke: str
    source_has_ended: bool
    is_muted: bool
    findings: tuple[Finding, ...]


def condition_of(session: Session, audience: Audience) -> Condition:
    """Return the condition of a session and the receivers of its events."""
    return Condition(
        is_over=session.ring.closed,
        broke=_what_broke(session),
        source_has_ended=session.capture.has_ended,
        is_muted=audience.is_muted_at(session.ring.position),
        findings=(*session.capture.findings, *session.liveness.findings),
    )


def _what_broke(session: Session) -> str:
    try:
        session.raise_what_broke()
    except KwsLiveError as error:
        return one_line(error)
    return ""
