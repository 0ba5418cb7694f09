"""Thresholds, mode and listening as remote controls, kept equal to the settings here in both directions."""

import json
import logging
import re
import threading
from typing import Any, Final, get_args
from urllib.parse import quote, unquote

from kws_live.actions import printable
from kws_live.actions.mqtt_message import MqttConnection
from kws_live.errors import ConfigError
from kws_live.sinks.optional import Settings
from kws_live.spotting.decision_settings import Mode

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.25
"""How often the settings are checked: the delay until a change is published."""

ON, OFF = "ON", "OFF"


class Steering:
    """Home Assistant's number for each word's threshold, select for the mode, and switch for listening.

    ``TOPIC/settings`` is retained: ``{"listening": "ON", "mode": ..., "thresholds": {WORD: ...}}``. What is sent to
    ``TOPIC/set/listening``, ``TOPIC/set/mode`` and ``TOPIC/set/threshold/WORD`` takes effect at the next hop; WORD is
    percent-encoded. Invalid values are logged and ignored.

    Parameters
    ----------
    connection : the caller closes it, after this
    topic, discovery : topic prefixes of the program and of the announcements
    common : fields of every announcement
    settings : read and changed
    """

    def __init__(
        self, connection: MqttConnection, topic: str, discovery: str, common: dict[str, Any], settings: Settings
    ) -> None:
        self._connection, self._topic, self._discovery, self._common = connection, topic, discovery, common
        self._settings = settings
        self._words: tuple[str, ...] = ()  # announced ones
        self._active_before: frozenset[str] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"kws-live {connection.name} settings", daemon=True)
        connection.hear(f"{topic}/set/#", self._set)
        self._thread.start()

    def close(self) -> None:
        """Stop checking; may be called twice."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        shown: tuple[int, int] | None = None
        while not self._closed.is_set():
            # Again for each connection: what was sent over a lost one may not have arrived.
            now = self._connection.n_connections, self._settings.version
            if now != shown and now[0]:
                self._announce(is_new=shown is None or shown[0] != now[0])
                self._show()
                shown = now
            self._closed.wait(LOOK_SECONDS)

    def _announce(self, is_new: bool) -> None:
        words = tuple(self._settings.snapshot().thresholds)
        for word in {*self._words} - {*words}:
            self._connection.post(self._place("number", word), "", retain=True)
        if is_new or words != self._words:
            for kind, name, more in self._controls(words):
                unique = f"{self._common['device']['identifiers'][0]}_{_plain(name)}"
                told = {**self._common, "unique_id": unique, "state_topic": f"{self._topic}/settings", **more}
                self._connection.post(self._place(kind, name), json.dumps(told), retain=True)
        self._words = words

    def _controls(self, words: tuple[str, ...]) -> list[tuple[str, str, dict[str, Any]]]:
        """Return kind, name and fields of each entity."""
        sets = f"{self._topic}/set"
        numbers: list[tuple[str, str, dict[str, Any]]] = [
            (
                "number",
                word,
                {
                    "name": f"Threshold of {word}",
                    "command_topic": f"{sets}/threshold/{quote(word, safe='')}",
                    "value_template": f"{{{{ value_json.thresholds[{json.dumps(word)}] }}}}",
                    "min": 0.01,
                    "max": 1,
                    "step": 0.01,
                    "entity_category": "config",
                },
            )
            for word in words
        ]
        mode = {
            "name": "Mode",
            "command_topic": f"{sets}/mode",
            "value_template": "{{ value_json.mode }}",
            "options": list(get_args(Mode)),
            "entity_category": "config",
        }
        listening = {
            "name": "Listening",
            "command_topic": f"{sets}/listening",
            "value_template": "{{ value_json.listening }}",
            "icon": "mdi:microphone",
        }
        return [*numbers, ("select", "mode", mode), ("switch", "listening", listening)]

    def _place(self, kind: str, name: str) -> str:
        return f"{self._discovery}/{kind}/{self._common['device']['identifiers'][0]}/{_plain(name)}/config"

    def _show(self) -> None:
        now = self._settings.snapshot()
        listening = ON if any(map(now.listens_to, now.thresholds)) else OFF
        told = {"listening": listening, "mode": now.mode, "thresholds": dict(now.thresholds)}
        self._connection.post(f"{self._topic}/settings", json.dumps(told), retain=True)

    def _set(self, topic: str, payload: str) -> None:
        """Apply a received setting; on the connection's thread."""
        name = topic.removeprefix(f"{self._topic}/set/")
        try:
            if name == "mode":
                self._settings.change(mode=payload)
            elif name == "listening" and payload in (ON, OFF):
                self._listen(payload == ON)
            elif name.startswith("threshold/"):
                self._settings.change(thresholds={unquote(name.removeprefix("threshold/")): float(payload)})
            else:
                raise ConfigError(f"use mode, listening with {ON} or {OFF}, or threshold/WORD")
        except (ConfigError, ValueError) as error:
            told = printable(f"{topic} {payload[:40]!r}: {error}")
            log.warning("%s: cannot be set: %s", self._connection.name, told)
            self._show()  # the remote control shows another value now

    def _listen(self, on: bool) -> None:
        active = self._settings.snapshot().active
        if on and active is not None and not active:
            self._settings.change(active=self._active_before)
        elif not on and (active is None or active):
            self._active_before = active
            self._settings.change(active=frozenset())


def _plain(name: str) -> str:
    """Return an identifier without spaces and non-ASCII letters; different names stay different."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found.group()):x}_", name)
