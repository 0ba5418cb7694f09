"""Decide kept hops again, with any settings, as the stream had them: gaps included."""

from collections.abc import Iterable, Sequence

from kws_live.events import Detection
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.spotting.verdict import Hop


def replay(
    hops: Iterable[Hop], labels: Sequence[str], keywords: Sequence[str], settings: DecisionSettings
) -> list[Detection]:
    """The detections that these settings would have given; where a position is missing, audio was lost.

    Parameters
    ----------
    hops : oldest first
    labels, keywords : as in `Decider`
    settings : to decide with
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
