"""Let one of several listeners answer: those that heard the same word compare over MQTT how well they heard it."""

import json
import math
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from kws_live.actions.mqtt_message import MqttConnection
from kws_live.errors import ConfigError
from kws_live.events import Detection

MEASURES: Final = ("level_db", "snr_db", "margin")
"""Level depends on a microphone's gain, the others on the noise around it: no measure decides alone."""

SHORTEST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 5.0

CLAIMS_KEPT: Final = 100


class Claim(NamedTuple):
    """A listener heard a word.

    Attributes
    ----------
    values : of the `MEASURES`; minus infinity if unknown
    arrived : by `time.monotonic`
    has_acted : whether it was the one that answered
    """

    listener: str
    keyword: str
    values: tuple[float, ...]
    arrived: float
    has_acted: bool = False


def seconds_of(text: str) -> float:
    """Parse how long to wait for other listeners; raise a ConfigError if it is invalid."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ConfigError(
            f"arbitrate={text[:20]!r} must be {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} seconds, as in ?arbitrate=0.3"
        )
    return seconds


def best_of(claims: Mapping[str, tuple[float, ...]]) -> str:
    """Return the listener with the most pairwise wins over all measures; among equals, the one with the highest level.

    Parameters
    ----------
    claims : listener -> its values of the `MEASURES`: dB, dB and a share of the score
    """

    def rank(name: str) -> tuple[int, tuple[float, ...], str]:
        mine = claims[name]
        n_ahead = sum(a > b for other in claims.values() for a, b in zip(mine, other, strict=True))
        return n_ahead, mine, name

    return max(claims, key=rank)


class Arbitration:
    """Decides whether this listener answers a word.

    Each listener sends its measures to ``TOPIC/claim``. Those whose claims arrive within ``seconds`` of one another
    compare them, with the same result; if one has answered already, no other does.

    Parameters
    ----------
    connection : the caller closes it
    topic : shared by all these listeners
    seconds : how long to wait for others; a word repeated within this time counts as the same

    Attributes
    ----------
    listener : this one's name
    """

    def __init__(self, connection: MqttConnection, topic: str, seconds: float) -> None:
        self.listener = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._connection, self._topic, self._seconds = connection, topic, seconds
        self._claims: deque[Claim] = deque(maxlen=CLAIMS_KEPT)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        connection.hear(f"{topic}/claim", self._note_claim)
        connection.hear(f"{topic}/detection", self._note_answer)

    def is_won(self, event: Detection) -> bool:
        """Claim a word, wait for other claims, and return whether it is won; after `close` it never is.

        Raises
        ------
        ActionError
            If the broker did not accept the claim.
        """
        mine = {"level_db": event.level_db, "snr_db": event.snr_db, "margin": event.margin}
        begun = time.monotonic()
        told = {"listener": self.listener, "keyword": event.keyword, **mine}
        self._connection.publish(f"{self._topic}/claim", json.dumps(told))
        if self._closed.wait(self._seconds):
            return False
        with self._lock:
            others = [
                one for one in self._claims if one.keyword == event.keyword and one.arrived >= begun - self._seconds
            ]
        if any(one.has_acted for one in others):
            return False
        values = {one.listener: one.values for one in others} | {self.listener: _values(mine)}
        return best_of(values) == self.listener

    def _note_claim(self, _topic: str, payload: str) -> None:
        told = _parsed(payload)
        listener, keyword = str(told.get("listener", "")), str(told.get("keyword", ""))
        if listener and listener != self.listener:
            with self._lock:
                self._claims.append(Claim(listener, keyword, _values(told), time.monotonic()))

    def _note_answer(self, _topic: str, payload: str) -> None:
        told = _parsed(payload)
        answered = told.get("listener"), told.get("keyword")
        with self._lock:
            for n, one in enumerate(self._claims):
                if (one.listener, one.keyword) == answered:
                    self._claims[n] = one._replace(has_acted=True)

    def close(self) -> None:
        """Stop waiting for claims; may be called twice."""
        self._closed.set()


def _parsed(payload: str) -> dict[str, Any]:
    """Parse a claim; empty if invalid, because anything may be sent to a topic."""
    try:
        told = json.loads(payload)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _values(told: Mapping[str, Any]) -> tuple[float, ...]:
    given = (told.get(name) for name in MEASURES)
    return tuple(float(value) if isinstance(value, (int, float)) else -math.inf for value in given)
