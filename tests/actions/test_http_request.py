import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kws_live.actions.http_request import HttpRequest
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Detection
from tests.spoken import Receiver, free_port, spoken


def test_the_event_is_posted_as_json_with_name_and_password_as_basic_authentication() -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        HttpRequest(f"http://Aladdin:open%20sesame@127.0.0.1:{port}/hook?x=1").do(spoken("yes"))
    (method, path, headers, body) = receiver.requests[0]
    assert (method, path) == ("POST", "/hook?x=1")
    assert headers["Authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # the example of RFC 7617, section 2
    assert json.loads(body)["keyword"] == "yes"


def test_method_body_and_headers_are_the_users() -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        request = HttpRequest(
            f"http://127.0.0.1:{port}/", "PUT", '{"say": "{keyword}", "other": {}}', {"Authorization": "Bearer 1"}
        )
        assert '{"say": "off", "other": {}}' in request.describe(spoken("off"))
        request.do(spoken("off"))
    (method, _, headers, body) = receiver.requests[0]
    assert (method, headers["Authorization"], body) == ("PUT", "Bearer 1", '{"say": "off", "other": {}}')


@pytest.mark.parametrize(("code", "again"), [(503, True), (429, True), (404, False), (401, False), (302, False)])
def test_an_answer_that_is_no_success_fails_and_says_whether_another_try_may_help(code: int, again: bool) -> None:
    receiver = Receiver()
    receiver.answers.append(code)
    with receiver.serving() as port, pytest.raises(ActionError, match=f"answered {code}") as failure:
        HttpRequest(f"http://127.0.0.1:{port}/").do(spoken("yes"))
    assert failure.value.again is again
    assert len(receiver.requests) == 1  # a redirected POST would arrive as a GET without its body


def test_a_server_that_is_away_may_be_tried_again() -> None:
    with pytest.raises(ActionError, match="cannot reach") as failure:
        HttpRequest(f"http://127.0.0.1:{free_port()}/").do(spoken("yes"))
    assert failure.value.again


@pytest.mark.parametrize("url", ["http:", "http://", "ftp://host/", "http://host:port/", "host/path"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is not an address"):
        HttpRequest(url)


@contextmanager
def drips(first: bytes) -> Iterator[int]:
    """A server that answers with one byte after another, without end."""
    listener, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(first)
                while not over.wait(0.05):
                    connection.sendall(b"a")
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    over.set()
    thread.join()
    listener.close()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-a: "])
def test_the_time_limit_is_one_for_the_whole_exchange_however_slowly_the_bytes_come(first: bytes) -> None:
    with drips(first) as port:
        begun = time.monotonic()
        with pytest.raises(ActionError, match=r"no response within 0\.5 s") as failure:
            HttpRequest(f"http://127.0.0.1:{port}/", limit_seconds=0.5).do(spoken("yes"))
        assert time.monotonic() - begun < 10
    assert failure.value.again


def test_messages_and_descriptions_hold_no_secret() -> None:
    request = HttpRequest("http://user:S3CRET@127.0.0.1:1/api/webhook/S3CRET?token=S3CRET", limit_seconds=5)
    assert request.describe(spoken("yes")).startswith("POST http://127.0.0.1:1/...  {")
    with pytest.raises(ActionError, match=r"cannot reach http://127\.0\.0\.1:1/\.\.\.: \[Errno") as failure:
        request.do(spoken("yes"))
    assert "S3CRET" not in str(failure.value)


def test_what_a_server_says_cannot_write_into_a_log() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 404 \x1b[31mgone\x07\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ActionError, match="answered 404") as failure:
        HttpRequest(f"http://127.0.0.1:{listener.getsockname()[1]}/").do(spoken("yes"))
    thread.join()
    listener.close()
    assert str(failure.value).isprintable()


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_TOKEN", "open sesame/?")
    receiver = Receiver()
    with receiver.serving() as port:
        url = f"http://me:${{LAMP_TOKEN}}@127.0.0.1:{port}/hook?token=${{LAMP_TOKEN}}"
        HttpRequest(url, headers={"X-Token": "Bearer ${LAMP_TOKEN}"}).do(spoken("yes"))
    (_, path, headers, _) = receiver.requests[0]
    assert path == "/hook?token=open%20sesame%2F%3F"
    assert headers["X-Token"] == "Bearer open sesame/?"
    assert headers["Authorization"] == "Basic bWU6b3BlbiBzZXNhbWUvPw=="
    with pytest.raises(ConfigError, match=r"\$\{NOT_THERE\} is not set"):
        HttpRequest("http://host/", headers={"X-Token": "${NOT_THERE}"})
    monkeypatch.setenv("LAMP_TOKEN", "two\r\nlines: x")
    with pytest.raises(ConfigError, match="the header 'X-Token' cannot be sent"):
        HttpRequest("http://host/", headers={"X-Token": "${LAMP_TOKEN}"})


def test_addresses_with_blanks_and_letters_of_any_language_work() -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        HttpRequest(f"http://127.0.0.1:{port}/küche/lamp on?x=ä b").do(spoken("yes"))
    assert receiver.requests[0][1] == "/k%C3%BCche/lamp%20on?x=%C3%A4%20b"


def test_a_value_cannot_end_a_string_of_a_json_body_and_add_to_it() -> None:
    request = HttpRequest("http://host/", body='{"command": "{keyword}", "score": {score}, "mic": "{source}"}')
    event = Detection(
        keyword="{source}", score=0.5, position=0, decided_position=0, source='USB "Mic", "command": "unlock\n'
    )
    assert json.loads(request.describe(event).partition("  ")[2]) == {
        "command": "{source}", "score": 0.5, "mic": 'USB "Mic", "command": "unlock\n'
    }  # fmt: skip
    plain = HttpRequest("http://host/", body="say {keyword}: {source}")
    assert plain.describe(event).partition("  ")[2] == 'say {source}: USB "Mic", "command": "unlock'
