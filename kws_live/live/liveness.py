"""Detection of parts that hang, and of their recovery."""

import logging
from collections.abc import Callable
from typing import Final

from kws_live.events import Health
from kws_live.stream.findings import Finding

log = logging.getLogger(__name__)

STILL_SECONDS: Final = 10.0
"""Time without activity after which a part counts as hanging."""

OPENING_SHARE: Final = 4
"""Factor for that time while a source is being opened: a camera may take twenty seconds."""

LOOKS: Final = 5
"""Number of checks in that time."""


class Liveness:
    """Tracks which parts hang.

    It counts checks, not seconds: after the machine has slept or the program was stopped, much time has passed, but
    nothing hangs.

    Parameters
    ----------
    tell : called with a finding and whether it is over
    still_seconds : time without activity after which a part counts as hanging
    """

    def __init__(self, tell: Callable[[Finding, bool], object], still_seconds: float = STILL_SECONDS) -> None:
        self.look_seconds = still_seconds / LOOKS
        self._tell = tell
        self._marks: dict[str, tuple[float | None, int]] = {}
        self._still: dict[str, Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The parts that hang now."""
        return tuple(self._still.copy().values())

    def is_still(self, name: str, moved_at: float | None, opens: bool = False) -> bool:
        """Check whether a part hangs, to be called every ``look_seconds``; reports the start and the end once.

        Parameters
        ----------
        name : of the part; ``NAME_hangs`` is its finding
        moved_at : time of its last activity, by any clock; None if it has nothing to do
        opens : whether it is opening a source, which may take long
        """
        before, n_looks = self._marks.get(name, (None, 0))
        n_looks = n_looks + 1 if moved_at is not None and moved_at == before else 0
        self._marks[name] = moved_at, n_looks
        is_still = n_looks >= LOOKS * (OPENING_SHARE if opens else 1)
        if is_still and name not in self._still:
            finding = Finding(f"{name}_hangs", f"the {name} has been stuck for {n_looks * self.look_seconds:.0f} s")
            self._still[name] = finding
            log.error("%s; %s", finding.summary, finding.advice)  # events may not get through
            self._tell(finding, False)
        elif not is_still and name in self._still:
            del self._still[name]
            self._tell(Finding(f"{name}_hangs", f"the {name} is running again"), True)
        return is_still


def as_event(finding: Finding, position: int, source: str, over: bool = False) -> Health:
    """Return a finding as an event."""
    return Health(
        finding=finding.name,
        summary=finding.summary,
        advice=finding.advice,
        certainty=finding.certainty,
        over=over,
        position=position,
        source=source,
    )
