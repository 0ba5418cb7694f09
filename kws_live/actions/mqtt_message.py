"""MQTT messages, and the connection shared by actions and the MQTT sink."""

import logging
import socket
import ssl
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
"""A broker considers a silent client dead after 1.5 times this, and publishes its last will."""

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between connection attempts; the last one repeats."""

CONNECT_SECONDS: Final = 0.25
"""How long a message waits for a connection before its age is checked again."""


REFUSALS: Final = dict.fromkeys(
    ("Not authorized", "Bad user name or password"),
    "check the user and the password, as in mqtt://USER:${PASSWORD}@HOST/TOPIC",
)
"""What to do about a broker's refusal."""


class MqttConnection:
    """A connection to a broker that reconnects automatically.

    If the broker does not confirm a message, the connection is dropped together with it, so that nothing that was
    reported as not delivered is sent later. Messages use quality of service 2, because a broker forwards those only
    after the sender has acknowledged its receipt: a broker that was frozen does not deliver old commands later.

    Parameters
    ----------
    address : broker and credentials; ``mqtt`` (port 1883) or ``mqtts`` (port 8883, certificate checked)
    last_will : topic and retained payload that the broker publishes if this program disappears
    on_connect : called with this connection after each (re)connection; may call `post`
    connect : False: do not connect, for a dry run

    Attributes
    ----------
    n_connections : number of connections made so far

    Raises
    ------
    ConfigError
        If paho-mqtt is not installed, or the certificate file cannot be used.
    """

    def __init__(
        self,
        address: MqttAddress,
        last_will: tuple[str, str] | None = None,
        on_connect: Callable[["MqttConnection"], object] | None = None,
        connect: bool = True,
    ) -> None:
        try:
            import paho.mqtt.client  # noqa: F401 - check that it is installed
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
        """Connect, stay connected, and reconnect with a new client, which has no old messages."""
        n_failed = 0
        while not self._closed.is_set():
            client = self._client
            self._disconnected.clear()
            try:
                client.connect(self._address.host, self._address.port, KEEPALIVE_SECONDS)
                if self._closed.is_set():
                    return
                client.loop_start()  # a thread that alone may write to the connection
                self._disconnected.wait()
                client.loop_stop()
                trouble = self._trouble or "the connection was lost"
            except Exception as error:  # unknown host, refused, invalid certificate ...
                said = printable(str(getattr(error, "strerror", None) or error) or type(error).__name__)
                trouble = f"{said}; {_advice(error)}"
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
        """Log why there is no connection, once until the next one."""
        if not self._closed.is_set() and trouble != self._told:
            self._told = trouble
            log.warning("no connection to %s: %s; trying again", self.name, trouble)

    def _on_connect(self, client: "Client", userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            advice = REFUSALS.get(str(reason), "see the broker's log")
            self._trouble = f"refused: {printable(str(reason))}; {advice}"
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

        if message.retain:  # a retained message is an old command
            return
        for topics, function in self._heard.copy().items():
            if topic_matches_sub(topics, message.topic):
                function(message.topic, message.payload.decode(errors="replace"))

    def hear(self, topics: str, function: Callable[[str, str], object]) -> None:
        """Call a function with topic and payload of each new message; it must return quickly."""
        self._heard[topics] = function
        if self._connected:
            self._client.subscribe(topics, qos=1)

    def post(self, topic: str, payload: str, retain: bool = False) -> None:
        """Send a message without waiting, if there is a connection; a lost message is not sent again."""
        if self._connected:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def publish(self, topic: str, payload: str, retain: bool = False) -> None:
        """Send a message and wait for the broker's confirmation.

        Raises
        ------
        ActionError
            If there was no connection, or no confirmation in time; the message is then not sent later.
        """
        self._wait(lambda: self._connected, CONNECT_SECONDS)
        if not self._connected:
            raise ActionError(f"no connection to {self.name}: {self._trouble}", again=True, told=True)
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
        """Cut a connection immediately, discarding messages in transit."""
        with self._changed:
            is_current = client is self._client
            if is_current:
                self._connected = False
                self._trouble = "no response"
        connection: Any = client.socket() if is_current else None
        if connection is not None:
            with suppress(OSError):  # closed in the meantime
                # No lingering: data still buffered by the system must not be sent when the broker is back.
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
        """Disconnect, after sending ``goodbye``, a topic and a retained payload. Can be called repeatedly."""
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


def _advice(error: Exception) -> str:
    """Return what to do if a broker cannot be reached."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "?ca=FILE names a certificate to trust"
    return "check the address, and that a broker runs there"


def _is_out(message: Any) -> bool:
    try:
        return bool(message.is_published())
    except (ValueError, RuntimeError):  # paho's queue is full, or the connection is gone
        return False


class MqttMessage:
    """Publishes a message for an event.

    Parameters
    ----------
    connection : shared by all messages to one broker; the caller closes it
    topic : of the message
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
