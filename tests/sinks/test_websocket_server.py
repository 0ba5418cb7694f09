import json
import socket
from contextlib import ExitStack, suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kws_live.errors import ConfigError
from kws_live.sinks.websocket_server import WebsocketServer
from kws_live.system.door import MOST_CONNECTIONS
from tests.spoken import spoken, wait_until


def _connected(sink: WebsocketServer, origin: str | None = None) -> ClientConnection:
    before = len(sink.clients)
    client = connect(f"ws://127.0.0.1:{sink.port}", origin=origin, proxy=None)  # type: ignore[arg-type]
    wait_until(lambda: len(sink.clients) == before + 1)
    return client


def test_every_client_is_told_every_event_from_when_it_comes() -> None:
    sink = WebsocketServer("ws://127.0.0.1:0")
    with _connected(sink) as first:
        sink.send(spoken("yes"))
        assert json.loads(first.recv(10))["keyword"] == "yes"
        with _connected(sink) as second:
            sink.send(spoken("no"))
            assert json.loads(first.recv(10))["keyword"] == "no"
            assert json.loads(second.recv(10))["keyword"] == "no"
        sink.send(spoken("go"))  # one client has left
        assert json.loads(first.recv(10))["keyword"] == "go"
        sink.close()
        with pytest.raises(ConnectionClosed):
            first.recv(10)
    sink.send(spoken("stop"))
    sink.close()


def test_a_page_of_another_site_may_not_listen_in() -> None:
    sink = WebsocketServer("ws://127.0.0.1:0")
    with pytest.raises(InvalidStatus, match="403"):
        _connected(sink, "https://evil.example")
    with pytest.raises(InvalidStatus, match="403"):
        _connected(sink, "http://localhost.evil.example")
    with _connected(sink, "http://localhost:8000"):
        sink.close()


@pytest.mark.parametrize(
    "origin", ["null", "http://homeassistant.local:8123", "app://obsidian.md", "vscode-webview://x"]
)
def test_a_page_elsewhere_or_an_app_may_listen_where_its_origin_is_named(origin: str) -> None:
    closed, opened = WebsocketServer("ws://127.0.0.1:0"), WebsocketServer(f"ws://127.0.0.1:0?origin=x&origin={origin}")
    with pytest.raises(InvalidStatus, match="403"):
        _connected(closed, origin)
    with _connected(opened, origin) as page:
        opened.send(spoken("yes"))
        assert json.loads(page.recv(10))["keyword"] == "yes"
        opened.close()
    closed.close()


@pytest.mark.slow
def test_a_client_that_does_not_read_is_left_and_the_others_are_told_everything() -> None:
    sink = WebsocketServer("ws://127.0.0.1:0")
    with _connected(sink) as good, socket.create_connection(("127.0.0.1", sink.port)) as stuck:
        stuck.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{sink.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        wait_until(lambda: len(sink.clients) == 2)
        n_sent = 0
        while len(sink.clients) == 2:
            for _ in range(100):
                sink.send(spoken("yes" * 300))
            for _ in range(100):
                good.recv(10)
            n_sent += 100
        sink.send(spoken("last"))
        assert json.loads(good.recv(10))["keyword"] == "last"
        sink.close()


@pytest.mark.slow
def test_half_handshakes_keep_no_client_out(caplog: pytest.LogCaptureFixture) -> None:
    sink = WebsocketServer("ws://127.0.0.1:0")
    with ExitStack() as held:
        for _ in range(3 * MOST_CONNECTIONS):
            with suppress(OSError):
                half = held.enter_context(socket.create_connection(("127.0.0.1", sink.port), 10))
                half.sendall(b"GET / HTTP/1.1\r\nX: \x1b")
        with _connected(sink) as good:
            sink.send(spoken("yes"))
            assert json.loads(good.recv(10))["keyword"] == "yes"
            sink.close()
    assert len(caplog.records) <= 2


def test_a_client_that_talks_too_much_is_cut_off_and_the_others_go_on() -> None:
    sink = WebsocketServer("ws://127.0.0.1:0")
    with _connected(sink) as good, _connected(sink) as chatterer:
        chatterer.send("x" * 1_000_000)
        with pytest.raises(ConnectionClosed):
            chatterer.recv(10)
        sink.send(spoken("yes"))
        assert json.loads(good.recv(10))["keyword"] == "yes"
    sink.close()


@pytest.mark.parametrize(
    "url",
    [
        "ws:",
        "ws://",
        "ws://127.0.0.1",
        "ws://127.0.0.1:99999",
        "ws://127.0.0.1:1/path",
        "ws://127.0.0.1:1?x=1",
        "ws://127.0.0.1:1?x",
    ],
)
def test_what_cannot_be_served_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"use one such as ws://127\.0\.0\.1:8765|is not an address"):
        WebsocketServer(url)


def test_a_port_in_use_is_told() -> None:
    sink = WebsocketServer("ws://127.0.0.1:0")
    with pytest.raises(ConfigError, match="cannot listen on"):
        WebsocketServer(f"ws://127.0.0.1:{sink.port}")
    sink.close()
