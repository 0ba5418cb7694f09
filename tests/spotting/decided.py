"""What came of hops made by hand."""

from typing import Any

from kws_live.events import Detection, Event, NearMiss
from tests.fakes import Hops, decision_settings


def words(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


def misses(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.keyword, event.reason) for event in events if isinstance(event, NearMiss)]


def quiet_start(**settings: Any) -> Hops:
    """Half a minute of room comes before: the utterance finder knows its level."""
    hops = Hops(decision_settings(**settings))
    hops.feed(50, gate_open=False)
    return hops
