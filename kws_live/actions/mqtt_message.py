"""Send an MQTT message; the connection that actions and the MQTT sink share."""

import logging
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from kws_live.actions import LIMIT_SECONDS, fill, printable
from kws_live.actions.mqtt_address import MqttAddress, split_mqtt, tls_context
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event

if TYPE_CHECKING:
    from paho.mqtt.client import Client

__all__ = ["MqttConnection", "MqttMessage", "split_mqtt"]

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS: Final = 20
"""A broker takes a silent client for dead after one and a half of these, and sends its last will."""

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between tries to connect; the last one repeats."""

CONNECT_SECONDS: Final = 0.25
"""How long a message waits for a connection before its age is looked at again."""


class MqttConnection:
    """A connection to a broker that comes back by itself.

    A message that the broker has not confirmed is not kept: the connection is given up with it, so that nothing that
    was reported as not delivered is sent later. Messages go with quality of service 2, because a broker hands those on
    only when it is told that its receipt has arrived: one that was frozen does not do old commands when it thaws.

    Parameters
    ----------
    address : where, with ``mqtt`` (port 1883) or ``mqtts`` (port 8883, certificate checked), and as whom
    last_will : topic and payload that the broker publishes, retained, if this program vanishes
    on_connect : called with this connection at each (re)connection; may call `post`
    connect : False: connect to nothing, for a dry run

    Attributes
    ----------
    n_connections : so far

    Raises
    ------
    ConfigError
        If paho-mqtt is not installed, or the file of certificates cannot be used.
    """

    def __init__(
        self,
        address: MqttAddress,
        last_will: tuple[str, str] | None = None,
        on_connect: Callable[["MqttConnection"], object] | None = None,
        connect: bool = True,
    ) -> None:
        try:
            import paho.mqtt.client  # noqa: F401 - it is there
        except ImportError as error:
            raise ConfigError('MQTT needs one more package: pip install "kws-live[mqtt]"') from error
        self.name = address.name
        self._address = address
        self._last_will = last_will
        self._greet = on_connect
        self._context = tls_context(address) if address.is_encrypted else None
        self._changed = threading.Condition()
        self._connected = False
        self._disconnected = threading.Event()
        self._closed = threading.Event()
        self._trouble = "not connected yet"
        self._told = ""
        self._heard: dict[str, Callable[[str, str], object]] = {}
        self.n_connections = 0
        self._client = self._new_client()
        self._thread: threading.Thread | None = None
        if connect:
            self._thread = threading.Thread(target=self._run, name=f"kws-live {self.name}", daemon=True)
            self._thread.start()

    def _new_client(self) -> "Client":
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        if self._context is not None:
            client.tls_set_context(self._context)
        if self._last_will is not None:
            client.will_set(*self._last_will, qos=1, retain=True)
        return client

    def _run(self) -> None:
        """Connect, stay connected, and begin anew with another client, which knows no old messages."""
        n_failed = 0
        while not self._closed.is_set():
            client = self._client
            self._disconnected.clear()
            try:
                client.connect(self._address.host, self._address.port, KEEPALIVE_SECONDS)
                if self._closed.is_set():
                    return
                client.loop_start()  # a thread of its own, which alone may write to the connection
                self._disconnected.wait()
                client.loop_stop()
                trouble = self._trouble or "the connection was lost"
            except Exception as error:  # no such name, refused, no valid certificate ...
                trouble = printable(str(getattr(error, "strerror", None) or error) or type(error).__name__)
            with self._changed:
                n_failed = 0 if self._connected else n_failed + 1
                self._connected = False
                self._trouble = trouble
                self._client = self._new_client()
                self._changed.notify_all()
            if n_failed:
                self._tell(trouble)
            self._closed.wait(PAUSES_SECONDS[min(n_failed, len(PAUSES_SECONDS)) - 1] if n_failed else 0.1)

    def _tell(self, trouble: str) -> None:
        """Say why there is no connection, once until there is one."""
        if not self._closed.is_set() and trouble != self._told:
            self._told = trouble
            log.warning("no connection to %s: %s; trying again", self.name, trouble)

    def _on_connect(self, client: "Client", userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._trouble = f"it refuses: {printable(str(reason))}"
            return
        with self._changed:
            self._connected = True
            self._trouble = ""
            self._told = ""
            self._changed.notify_all()
            self.n_connections += 1
        for topics in self._heard.copy():
            client.subscribe(topics, qos=1)
        if self._greet is not None:
            self._greet(self)

    def _on_disconnect(self, *_: Any) -> None:
        self._disconnected.set()

    def _on_publish(self, client: "Client", userdata: Any, message_id: int, reason: Any, properties: Any) -> None:
        with self._changed:
            self._changed.notify_all()

    def _on_message(self, client: "Client", userdata: Any, message: Any) -> None:
        from paho.mqtt.client import topic_matches_sub

        if message.retain:  # what was kept is an old command
            return
        for topics, function in self._heard.copy().items():
            if topic_matches_sub(topics, message.topic):
                function(message.topic, message.payload.decode(errors="replace"))

    def hear(self, topics: str, function: Callable[[str, str], object]) -> None:
        """Call a function with topic and payload of each message that comes from now on; it must be quick."""
        self._heard[topics] = function
        if self._connected:
            self._client.subscribe(topics, qos=1)

    def post(self, topic: str, payload: str, retain: bool = False) -> None:
        """Hand a message over if there is a connection, without waiting; what gets lost with it is not sent later."""
        if self._connected:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def publish(self, topic: str, payload: str, retain: bool = False) -> None:
        """Send a message and wait until the broker has it.

        Raises
        ------
        ActionError
            If there was no connection, or the broker did not confirm it in time; it is not sent later then.
        """
        self._wait(lambda: self._connected, CONNECT_SECONDS)
        if not self._connected:
            raise ActionError(f"no connection to {self.name}: {self._trouble}", again=True)
        with self._changed:
            client = self._client
        try:
            message = client.publish(topic, payload, qos=2, retain=retain)
        except ValueError as error:
            raise ActionError(f"cannot publish to {self.name}: {error}") from error
        self._wait(lambda: _is_out(message) or client is not self._client, LIMIT_SECONDS)
        if not _is_out(message):
            self._give_up(client)
            raise ActionError(f"{self.name} did not confirm a message", again=True)

    def _give_up(self, client: "Client") -> None:
        """Cut a connection at once, with whatever is on its way."""
        with self._changed:
            is_current = client is self._client
            if is_current:
                self._connected = False
                self._trouble = "it does not answer"
        connection: Any = client.socket() if is_current else None
        if connection is not None:
            with suppress(OSError):  # closed meanwhile
                # No lingering: what the system still holds for a broker that is away is not sent when it comes back.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._closed.is_set(), seconds)

    def abort(self) -> None:
        """Make `publish` return soon."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def close(self, goodbye: tuple[str, str] | None = None) -> None:
        """Disconnect; ``goodbye`` is a topic and a retained payload sent before. May be called twice."""
        if goodbye is not None and self._connected and not self._closed.is_set():
            with suppress(ValueError, RuntimeError):
                self._client.publish(*goodbye, qos=1, retain=True).wait_for_publish(1.0)
        self.abort()
        self._client.disconnect()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)
            if self._thread.is_alive():
                self._give_up(self._client)
                self._thread.join(1.0)


def _is_out(message: Any) -> bool:
    try:
        return bool(message.is_published())
    except (ValueError, RuntimeError):  # paho's queue is full, or there is no connection any more
        return False


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
        self._connection.publish(self._topic, fill(self._payload, event), self._retain)

    def close(self) -> None:
        self._connection.abort()
