"""Whether a spotter can hear and answer at this moment."""

from dataclasses import dataclass

from kws_live.errors import KwsLiveError
from kws_live.live.audience import Audience
from kws_live.live.session import Session
from kws_live.stream.findings import Finding
from kws_live.system.outside_log import one_line


@dataclass(frozen=True)
class Condition:
    """What keeps it from that; all false and empty: nothing does.

    Attributes
    ----------
    is_over : listening has ended, and nothing more will come
    broke : the error that ended it, in words; empty: none did
    source_has_ended : the source came to its end, and another is waited for
    is_muted : a word that ended now would reach neither callbacks nor sinks
    findings : a source that is away, a part that stands still
    """

    is_over: bool
    broke: str
    source_has_ended: bool
    is_muted: bool
    findings: tuple[Finding, ...]


def condition_of(session: Session, audience: Audience) -> Condition:
    """How a session and those who are told of its events are now."""
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
