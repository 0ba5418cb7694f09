"""Replay of recorded hops with any settings, including the gaps of the stream."""

from collections.abc import Iterable, Sequence

from kws_live.events import Detection
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.spotting.verdict import Hop


def replay(
    hops: Iterable[Hop], labels: Sequence[str], keywords: Sequence[str], settings: DecisionSettings
) -> list[Detection]:
    """Return the detections with these settings; a missing position is a gap.

    Parameters
    ----------
    hops : oldest first
    labels, keywords : as in `Decider`
    settings : decision settings
    """
    decider = Decider(labels, keywords)
    detections: list[Detection] = []
    expected = None
    for hop in hops:
        if hop.position != expected:
            decider.reset()
        events = decider.step(hop, settings).events
        detections += [event for event in events if isinstance(event, Detection)]
        expected = hop.position + HOP_SAMPLES
    return detections
