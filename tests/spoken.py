"""Detections as if they had been spoken, and servers for what is to be done about them."""

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection

PATIENCE_SECONDS = 20.0
"""Longest wait for a server on this machine; what works takes a fraction of it."""


def spoken(keyword: str, seconds: float = 1.0, score: float = 0.9) -> Detection:
    """A word at a time of the stream."""
    position = round(seconds * SAMPLE_RATE_HZ)
    return Detection(keyword=keyword, score=score, position=position, decided_position=position, source="test")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread or program brings about."""
    pause = threading.Event()
    for _ in range(round(PATIENCE_SECONDS / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Receiver:
    """What a web server was sent, and what it is to answer (200 unless told)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[int] = []

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[int]:
        """Serve on a port of this machine while the ``with`` block runs."""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                receiver.requests.append((self.command, self.path, dict(self.headers), body))
                code = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(code)
                if 300 <= code < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
