"""A real MQTT broker, mosquitto, on a port of this machine."""

import queue
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.spoken import PATIENCE_SECONDS, free_port, wait_until


class Broker:
    """Started, killed without warning, and started again, remembering its subscribers."""

    def __init__(self, folder: Path, *more_config: str) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip("no MQTT broker here: apt-get install mosquitto")
        self.port = free_port()
        self._folder = folder
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        config = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "user root",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            *more_config,
        ]
        (folder / "mosquitto.conf").write_text("\n".join(config) + "\n")

    def start(self) -> None:
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log
        )
        log.close()
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def freeze(self) -> None:
        """Stop it without ending its connections: it accepts and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Subscriber:
    """Hears every message, also those sent while it was away."""

    def __init__(self, port: int, topic: str = "#", name: str = "subscriber") -> None:
        self._messages: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False)
        ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._client.on_subscribe = lambda *_: ready.put(True)
        self._client.on_connect = lambda *_: (self._client.subscribe(topic, qos=1), None)[1]
        self._client.on_message = lambda *received: self._messages.put(received[2])
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        ready.get(timeout=PATIENCE_SECONDS)

    def next(self) -> tuple[str, str, bool]:
        """Topic, payload, retained."""
        message = self._messages.get(timeout=PATIENCE_SECONDS)
        return message.topic, message.payload.decode(), message.retain

    def is_empty(self) -> bool:
        """Whether no message waits to be looked at."""
        return self._messages.empty()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
