"""Events as MQTT messages, with a last will and Home Assistant's discovery."""

import json
import re
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

from kws_live.actions.mqtt_message import MqttConnection, split_mqtt
from kws_live.actions.outbox import Outbox
from kws_live.events import Detection, Event
from kws_live.sinks.mqtt_arbitration import Arbitration, seconds_of
from kws_live.sinks.mqtt_steering import Steering
from kws_live.sinks.optional import Settings

VALUE_TEMPLATE: Final = (
    '{"event_type": "{{ value_json.keyword }}", "score": {{ value_json.score }}, "margin": {{ value_json.margin }}, '
    '"level_db": {{ value_json.level_db | tojson }}, "snr_db": {{ value_json.snr_db | tojson }}}'
)
"""Attributes of a detection in Home Assistant; an unknown level is null."""


class Mqtt:
    """Publishes each event as JSON to ``TOPIC/TYPE`` (``TOPIC/detection``, ...), quality of service 2, not retained.

    ``TOPIC/state`` is retained: "online" while listening, "offline" at the end; the broker publishes "offline" too if
    this program vanishes. After a lost connection, waiting events up to a minute old are sent in order.

    Parameters
    ----------
    url : ``mqtt://user:${PASSWORD}@host:port/TOPIC``; ``mqtts`` is encrypted, ``?ca=FILE`` names certificates to
        trust. ``?discovery=homeassistant`` announces an event entity under that discovery prefix, and controls: see
        `kws_live.sinks.mqtt_steering`. ``?arbitrate=0.3`` waits so long for other listeners with the same topic, and of
        those that heard a word only the one that heard it best publishes it: see `kws_live.sinks.mqtt_arbitration`
    keywords : event types of that entity

    Raises
    ------
    ConfigError
        If the address cannot be used or paho-mqtt is not installed.

    References
    ----------
    https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery,
    https://www.home-assistant.io/integrations/event.mqtt/
    """

    def __init__(self, url: str, keywords: Sequence[str] = ()) -> None:
        address = split_mqtt(url, frozenset({"discovery", "arbitrate"}))
        self.name = f"{address.name}/{address.topic}"
        self._topic = address.topic
        self._discovery = address.options.get("discovery", "")
        self._keywords = tuple(keywords)
        self._state = f"{self._topic}/state"
        seconds = seconds_of(address.options["arbitrate"]) if "arbitrate" in address.options else None
        self._connection = MqttConnection(address, (self._state, "offline"), self._greet)
        self._steering: Steering | None = None
        self._arbitration: Arbitration | None = None
        if seconds is not None:
            self._arbitration = Arbitration(self._connection, self._topic, seconds)
        self._outbox = Outbox(self.name, self._publish, abort=self._abort)

    def _greet(self, connection: MqttConnection) -> None:
        connection.post(self._state, "online", retain=True)
        if self._discovery:
            common = self._common()
            [name] = common["device"]["identifiers"]
            entity = {
                **common,
                "name": "Spoken command",
                "unique_id": name,
                "state_topic": f"{self._topic}/detection",
                "value_template": VALUE_TEMPLATE,
                "event_types": self._keywords,
                "icon": "mdi:microphone-message",
            }
            connection.post(f"{self._discovery}/event/{name}/config", json.dumps(entity), retain=True)

    def _common(self) -> dict[str, Any]:
        """Return the fields that all announcements have in common."""
        name = re.sub(r"\W", "_", f"kws_live_{self._topic}", flags=re.ASCII)
        version = metadata.version("kws-live")
        return {
            "availability_topic": self._state,
            "device": {"identifiers": [name], "name": f"kws_live {self._topic}", "sw_version": version},
            "origin": {"name": "kws_live", "sw_version": version},
        }

    def steer(self, settings: Settings) -> None:
        """With discovery, let Home Assistant change the settings."""
        if self._discovery:
            self._steering = Steering(self._connection, self._topic, self._discovery, self._common(), settings)

    def _publish(self, event: Event) -> None:
        told = event.to_dict()
        if self._arbitration is not None and isinstance(event, Detection):
            if not self._arbitration.is_won(event):
                return
            told["listener"] = self._arbitration.listener
        self._connection.publish(f"{self._topic}/{event.type}", json.dumps(told, ensure_ascii=False))

    def _abort(self) -> None:
        if self._arbitration is not None:
            self._arbitration.close()
        self._connection.abort()

    @property
    def n_lost(self) -> int:
        """Number of undelivered events."""
        return self._outbox.n_lost

    def send(self, event: Event) -> None:
        self._outbox.put(event)

    def close(self) -> None:
        if self._steering is not None:
            self._steering.close()
        self._outbox.close()
        self._connection.close((self._state, "offline"))
