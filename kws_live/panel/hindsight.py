"""Apply other settings to the last ten minutes: run the decision again on the kept scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection

SAME_SECONDS: Final = 0.5
"""Detections of a word this close count as the same: a lower threshold is passed a few hops earlier."""


@dataclass(frozen=True)
class Hindsight:
    """The effect of other settings.

    Attributes
    ----------
    stayed, gone, come : detections that would be unchanged, lost and added
    seconds : duration of the audio
    """

    stayed: tuple[Detection, ...]
    gone: tuple[Detection, ...]
    come: tuple[Detection, ...]
    seconds: float


def compare(happened: Sequence[Detection], replayed: Sequence[Detection], begin: int, end: int) -> Hindsight:
    """Compare what would have happened with what did, from position ``begin`` to ``end``."""
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
