"""Whether a spotter can hear and answer at this moment."""

from dataclasses import dataclass

from kws_live.stream.findings import Finding


@dataclass(frozen=True)
class Condition:
    """What keeps it from that; all false and empty: nothing does.

    Attributes
    ----------
    is_over : listening has ended, and nothing more will come
    source_has_ended : the source came to its end, and another is waited for
    is_muted : a word that ended now would reach neither callbacks nor sinks
    findings : a source that is away, a part that stands still
    """

    is_over: bool
    source_has_ended: bool
    is_muted: bool
    findings: tuple[Finding, ...]
