"""Send an MQTT message; the connection that actions and the MQTT sink share."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from kws_live.actions import LIMIT_SECONDS, fill
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event

if TYPE_CHECKING:
    from paho.mqtt.client import Client

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS: Final = 20
"""A broker takes a silent client for dead after one and a half of these, and sends its last will."""


def split_mqtt(url: str) -> SplitResult:
    """Take an address such as ``mqtt://user:word@host:1883/home/kitchen`` apart.

    Raises
    ------
    ConfigError
        If it is none, or its topic cannot be published to.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"{url!r} is no MQTT address: {error}") from error
    topic = parts.path.strip("/")
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or not topic or "+" in topic or parts.fragment:
        raise ConfigError(f"{url!r} is no MQTT address; use one such as mqtt://192.168.1.5/home/voice, without + or #")
    return parts


class MqttConnection:
    """A connection to a broker that comes back by itself.

    Parameters
    ----------
    url : where, with ``mqtt`` (port 1883) or ``mqtts`` (port 8883, certificate checked), and as whom
    last_will : topic and payload that the broker publishes, retained, if this program vanishes
    on_connect : called with this connection at each (re)connection; may call `post`
    connect : False: connect to nothing, for a dry run

    Raises
    ------
    ConfigError
        If paho-mqtt is not installed.
    """

    def __init__(
        self,
        url: SplitResult,
        last_will: tuple[str, str] | None = None,
        on_connect: Callable[["MqttConnection"], object] | None = None,
        connect: bool = True,
    ) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise ConfigError('MQTT needs one more package: pip install "kws-live[mqtt]"') from error
        self.name = f"{url.scheme}://{url.hostname}"
        self._greet = on_connect
        self._connected = threading.Event()
        self._closed = threading.Event()
        self._acknowledged: set[int] = set()
        self._changed = threading.Condition()
        self._in_flight: tuple[object, int] | None = None
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        if url.username is not None:
            self._client.username_pw_set(unquote(url.username), unquote(url.password or ""))
        if url.scheme == "mqtts":
            self._client.tls_set_context(ssl.create_default_context())
        if last_will is not None:
            self._client.will_set(*last_will, qos=1, retain=True)
        self._client.reconnect_delay_set(1, 10)
        if connect:
            port = url.port or (8883 if url.scheme == "mqtts" else 1883)
            self._client.connect_async(str(url.hostname), port, KEEPALIVE_SECONDS)
            self._client.loop_start()

    def _on_connect(self, client: "Client", userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.warning("%s refuses the connection: %s", self.name, reason)
            return
        self._connected.set()
        if self._greet is not None:
            self._greet(self)

    def _on_disconnect(self, *_: Any) -> None:
        self._connected.clear()

    def _on_publish(self, client: "Client", userdata: Any, message_id: int, reason: Any, properties: Any) -> None:
        with self._changed:
            self._acknowledged.add(message_id)
            self._changed.notify_all()

    def post(self, topic: str, payload: str, retain: bool = False) -> int:
        """Hand a message over for delivery at least once, without waiting; returns its number."""
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def publish(self, what: object, topic: str, payload: str, retain: bool = False) -> None:
        """Send a message and wait until the broker has it.

        Parameters
        ----------
        what : the thing sent: another try with the same thing waits for the first one's receipt, for after a lost
            connection paho sends it again by itself

        Raises
        ------
        ActionError
            If the broker did not confirm it in time.
        """
        if self._in_flight is None or self._in_flight[0] is not what:
            if not self._wait(self._connected.is_set):
                raise ActionError(f"no connection to {self.name}", again=True)
            with self._changed:
                self._acknowledged.clear()
            self._in_flight = (what, self.post(topic, payload, retain))
        number = self._in_flight[1]
        if not self._wait(lambda: number in self._acknowledged):
            raise ActionError(f"{self.name} did not confirm a message", again=True)
        self._in_flight = None

    def _wait(self, condition: Callable[[], bool]) -> bool:
        end = time.monotonic() + LIMIT_SECONDS
        with self._changed:
            while not condition() and not self._closed.is_set() and time.monotonic() < end:
                self._changed.wait(0.1)  # paho tells of a connection on another condition
            return condition()

    def abort(self) -> None:
        """Make `publish` return soon."""
        self._closed.set()

    def close(self, goodbye: tuple[str, str] | None = None) -> None:
        """Disconnect; ``goodbye`` is a topic and a retained payload sent before. May be called twice."""
        if goodbye is not None and self._connected.is_set() and not self._closed.is_set():
            self._client.publish(*goodbye, qos=1, retain=True).wait_for_publish(1.0)
        self._closed.set()
        self._client.disconnect()
        self._client.loop_stop()


class MqttMessage:
    """Publishes one message for an event.

    Parameters
    ----------
    connection : shared by all messages to one broker; the caller closes it
    topic : where to
    payload : text, with ``{keyword}`` and the like replaced
    """

    def __init__(
        self, connection: MqttConnection, topic: str, payload: str = "{keyword}", retain: bool = False
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._payload = payload
        self._retain = retain

    def describe(self, event: Event) -> str:
        return f"publish {fill(self._payload, event)!r} to {self._connection.name}/{self._topic}"

    def do(self, event: Event) -> None:
        self._connection.publish(event, self._topic, fill(self._payload, event), self._retain)

    def close(self) -> None:
        self._connection.abort()
