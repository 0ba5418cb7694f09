"""Does everything move? What stands still is told, and that it moves again."""

import logging
from collections.abc import Callable
from typing import Final

from kws_live.events import Health
from kws_live.stream.findings import Finding

log = logging.getLogger(__name__)

STILL_SECONDS: Final = 10.0
"""What does nothing for so long stands still, where it should."""

OPENING_SHARE: Final = 4
"""So many times as long where it opens a source: a camera may take twenty seconds."""

LOOKS: Final = 5
"""So often it is looked at in that time."""


class Liveness:
    """Remembers what stands still.

    It counts looks, not seconds: a machine that slept, or a program that was stopped, has moved nothing for long, and
    yet nothing hangs.

    Parameters
    ----------
    tell : called with a finding and whether it is over
    still_seconds : what does nothing for so long stands still
    """

    def __init__(self, tell: Callable[[Finding, bool], object], still_seconds: float = STILL_SECONDS) -> None:
        self.look_seconds = still_seconds / LOOKS
        self._tell = tell
        self._marks: dict[str, tuple[float | None, int]] = {}
        self._still: dict[str, Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands still now."""
        return tuple(self._still.copy().values())

    def is_still(self, name: str, moved_at: float | None, opens: bool = False) -> bool:
        """Look once, each ``look_seconds``: whether something stands still; told once, and once that it is over.

        Parameters
        ----------
        name : of the part; ``NAME_hangs`` is its finding
        moved_at : when it last moved, by any clock; None where it has nothing to do
        opens : whether it opens a source, which may take long
        """
        before, n_looks = self._marks.get(name, (None, 0))
        n_looks = n_looks + 1 if moved_at is not None and moved_at == before else 0
        self._marks[name] = moved_at, n_looks
        is_still = n_looks >= LOOKS * (OPENING_SHARE if opens else 1)
        if is_still and name not in self._still:
            finding = Finding(f"{name}_hangs", f"the {name} has not moved for {n_looks * self.look_seconds:.0f} s")
            self._still[name] = finding
            log.error("%s; %s", finding.summary, finding.advice)  # events may be what stands still
            self._tell(finding, False)
        elif not is_still and name in self._still:
            del self._still[name]
            self._tell(Finding(f"{name}_hangs", f"the {name} moves again"), True)
        return is_still


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
