"""What would other settings have made of the last ten minutes? The kept scores, through the very decision code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.spotting.verdict import Verdict

SAME_SECONDS: Final = 0.5
"""Two detections of a word that fell this close are the same: a lower threshold is passed a few hops earlier."""


@dataclass(frozen=True)
class Hindsight:
    """What would be otherwise.

    Attributes
    ----------
    stayed, gone, come : detections that would have been there all the same, no more, or as well
    seconds : how long a time was looked at
    """

    stayed: tuple[Detection, ...]
    gone: tuple[Detection, ...]
    come: tuple[Detection, ...]
    seconds: float

    @property
    def per_hour(self) -> float:
        """Detections in an hour of such minutes."""
        return 3600.0 * (len(self.stayed) + len(self.come)) / self.seconds if self.seconds else 0.0


def replay(
    verdicts: Sequence[Verdict], labels: Sequence[str], keywords: Sequence[str], settings: DecisionSettings
) -> list[Detection]:
    """Decide kept hops anew.

    The gate is the one thing that cannot be turned back: where it was closed nothing was scored.

    Parameters
    ----------
    verdicts : oldest first; where a position is missing, audio was lost
    labels, keywords : as in `Decider`
    settings : to decide with
    """
    decider = Decider(labels, keywords)
    detections: list[Detection] = []
    expected = verdicts[0].hop.position if verdicts else 0
    for verdict in verdicts:
        if verdict.hop.position != expected:
            decider.reset()
        events = decider.step(verdict.hop, settings).events
        detections += [event for event in events if isinstance(event, Detection)]
        expected = verdict.hop.position + HOP_SAMPLES
    return detections


def compare(happened: Sequence[Detection], replayed: Sequence[Detection], begin: int, end: int) -> Hindsight:
    """Match what would have happened with what did, from position ``begin`` to ``end``."""
    left = [event for event in happened if event.decided_position > begin]
    stayed, come = [], []
    for event in replayed:
        if event.decided_position <= begin:
            continue
        near = [
            other
            for other in left
            if other.keyword == event.keyword
            and abs(other.decided_position - event.decided_position) <= SAME_SECONDS * SAMPLE_RATE_HZ
        ]
        if near:
            same = min(near, key=lambda other: abs(other.decided_position - event.decided_position))
            left.remove(same)
            stayed.append(same)
        else:
            come.append(event)
    return Hindsight(tuple(stayed), tuple(left), tuple(come), (end - begin) / SAMPLE_RATE_HZ)
