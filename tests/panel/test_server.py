"""The panel's web server: what it serves, and to which hosts and origins."""

import http.client
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

import kws_live
from kws_live.errors import ConfigError
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.panel.panel_fakes import (
    PATIENCE_SECONDS,
    Client,
    cookie_of,
)


@pytest.mark.slow
def test_half_requests_end_by_themselves_and_others_are_served_meanwhile(panel: Panel) -> None:
    halves = [socket.create_connection(("127.0.0.1", panel.port)) for _ in range(10)]
    for half in halves:
        half.sendall(b"GET / HTTP/1.1\r\nX: ")
        half.settimeout(PATIENCE_SECONDS)
    assert get(panel).status == 200
    for half in halves:
        with suppress(ConnectionError):
            assert half.recv(1) == b""
        half.close()


def get(panel: Panel, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=PATIENCE_SECONDS)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{panel.port}", "Cookie": cookie_of(panel), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def test_the_guide_is_served_beside_the_page_and_the_page_links_to_it(panel: Panel) -> None:
    assert b'href="guide/"' in get(panel).body  # type: ignore[attr-defined]
    contents = get(panel, "/guide/").body.decode()  # type: ignore[attr-defined]
    topics = re.findall(r'<li><a href="([^"]+)"', contents)
    assert topics
    for topic in topics:
        answer = get(panel, f"/guide/{topic}")
        assert answer.status == 200
        assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
        assert b"<article" in answer.body  # type: ignore[attr-defined]
    assert get(panel, "/guide/nothing").status == 404


def test_the_page_is_served_whole_and_asks_nobody_else(panel: Panel) -> None:
    page = get(panel)
    assert page.status == 200
    policy = page.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    static = Path(kws_live.__file__).parent / "panel" / "static"
    for path in static.iterdir():
        assert get(panel, f"/{path.name}").body == path.read_bytes()  # type: ignore[attr-defined]
        assert b"https://" not in path.read_bytes()


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/static/panel.js", "/..%2fserver.py", "//etc/passwd", "/live"]
)
def test_no_path_leads_to_other_files(panel: Panel, path: str) -> None:
    assert get(panel, path).status in (400, 403, 404)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "",
        "[::1",
        "8.8.8.8",
    ],
)
def test_a_rebound_host_is_refused(panel: Panel, host: str) -> None:
    assert get(panel, Host=host).status == 421
    with pytest.raises(InvalidStatus):
        Client(panel, origin=f"http://{host}", additional_headers={"Host": host, "Cookie": cookie_of(panel)})


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:1", "https://127.0.0.1:{port}", None],
)
def test_a_forged_origin_can_neither_read_nor_steer(panel: Panel, origin: str | None) -> None:
    with pytest.raises(InvalidStatus):
        Client(panel, origin=origin and origin.format(port=panel.port))


def test_another_page_cannot_fetch_with_its_origin(panel: Panel) -> None:
    assert get(panel, Origin="http://evil.example").status == 403


def test_a_taken_port_is_told_in_one_line(panel: Panel, spotter: Spotter) -> None:
    with pytest.raises(ConfigError, match=r"Address already in use; choose another --host, or --port \(0"):
        Panel(spotter, Place(port=panel.port))
