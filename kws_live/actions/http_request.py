"""Send an HTTP request."""

import base64
import http.client
import json
import re
import socket
import string
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from kws_live.actions import LIMIT_SECONDS, fill, printable
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event
from kws_live.system.address import shown
from kws_live.system.credentials import filled_in

TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes worth a retry (RFC 9110 section 15, RFC 6585 section 4, RFC 8470 section 5.2)."""


class HttpRequest:
    """Sends a request for an event; a response other than 2xx is a failure.

    Parameters
    ----------
    url : http or https; a user and password in it are sent as basic authentication. ``${NAME}`` is replaced, as in
        `kws_live.system.credentials`, here and in the headers
    method : such as "POST"
    body : text, with ``{keyword}`` and the like replaced; None: the event as JSON
    headers : additional headers, such as ``{"Authorization": "Bearer ${TOKEN}"}``
    limit_seconds : time limit for request and response, above 0

    Raises
    ------
    ConfigError
        If the address is invalid, or a secret is missing.
    """

    def __init__(
        self,
        url: str,
        method: str = "POST",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        hint = "is not an address; use one such as http://192.168.1.5:8123/api/webhook/lamp"
        self._shown = shown(url) if "://" in url else f"{url.partition(':')[0]}:..." if ":" in url else url
        try:
            parts = urllib.parse.urlsplit(filled_in(url, is_address=True))
            port = parts.port
            host = (parts.hostname or "").encode("ascii" if ":" in (parts.hostname or "") else "idna").decode()
        except ValueError as error:
            raise ConfigError(f"{self._shown!r} {hint}") from error
        if parts.scheme not in ("http", "https") or not host or re.search(r"[^\w.:%-]", host):
            raise ConfigError(f"{self._shown!r} {hint}")
        host = f"[{host}]" if ":" in host else host
        place = parts._replace(netloc=host if port is None else f"{host}:{port}", fragment="").geturl()
        self._url = urllib.parse.quote(place, safe=string.punctuation)
        self._shown = shown(self._url)
        self._headers = {"User-Agent": "kws-live", "Content-Type": "application/json"}
        for name, value in (headers or {}).items():
            self._headers[name] = filled_in(value)
            if re.fullmatch(r"[!-9;-~]+", name) is None or not re.fullmatch(r"[\t -~\xa0-\xff]*", self._headers[name]):
                raise ConfigError(f"the header {name!r} cannot be sent: it contains characters not allowed in headers")
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        if re.fullmatch(r"[A-Za-z]+", method) is None:
            raise ConfigError(f"{method!r} is not an HTTP method; use POST, GET or PUT")
        self._method = method
        self._body = body
        self._limit_seconds = limit_seconds
        self._lock = threading.Lock()
        self._running: set[_Exchange] = set()
        self._closed = False

    def describe(self, event: Event) -> str:
        return f"{self._method} {self._shown}  {self._text(event)}".rstrip()

    def _text(self, event: Event) -> str:
        return json.dumps(event.to_dict(), ensure_ascii=False) if self._body is None else fill(self._body, event)

    def do(self, event: Event) -> None:
        data = None if self._method in ("GET", "HEAD") else self._text(event).encode(errors="replace")
        request = urllib.request.Request(self._url, data, self._headers, method=self._method)
        exchange = _Exchange(request, self._limit_seconds)
        with self._lock:
            if self._closed:
                raise ActionError(f"{self._shown} was not called: listening has ended")
            self._running.add(exchange)
        try:
            exchange.run()
        except urllib.error.HTTPError as error:
            error.close()
            what = printable(f"{error.code} {error.reason}")
            raise ActionError(f"{self._shown} answered {what}", error.code in TRY_AGAIN) from error
        except (OSError, http.client.HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
            reason = getattr(error, "reason", None) or error
            raise ActionError(f"cannot reach {self._shown}: {printable(str(reason))}", again=True) from error
        finally:
            with self._lock:
                self._running.discard(exchange)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            running = list(self._running)
        for exchange in running:
            exchange.cut()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a redirected POST would become a GET without its body, and count as delivered."""

    def redirect_request(self, *_: object) -> None:
        return None


class _Exchange(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """One request and its response, on a separate thread, which is the only way to enforce a total time limit.

    The time-out of each step restarts with every byte, and a name lookup has none. At the limit
    the connection is cut; if the name lookup returns later, no connection is made.
    """

    def __init__(self, request: urllib.request.Request, limit_seconds: float) -> None:
        urllib.request.HTTPSHandler.__init__(self)
        self._request = request
        self._limit_seconds = limit_seconds
        self._end = time.monotonic() + limit_seconds
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False
        self._done = threading.Event()

    def run(self) -> None:
        """Run the exchange; raises its error."""
        threading.Thread(target=self._work, name="kws-live http", daemon=True).start()
        if not self._done.wait(self._limit_seconds):
            self.cut()
            raise TimeoutError(f"no response within {self._limit_seconds:g} s")
        if self._error is not None:
            raise self._error

    def cut(self) -> None:
        """End the exchange immediately."""
        with self._lock:
            self._over = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        if not self._done.is_set() and self._error is None:
            self._error = TimeoutError("aborted")
        self._done.set()

    def _work(self) -> None:
        try:
            urllib.request.build_opener(_NoRedirect, self).open(self._request, timeout=self._limit_seconds).close()
        except Exception as error:
            self._error = error
        self._done.set()

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._watched(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._watched(http.client.HTTPSConnection), request)

    def _watched(self, kind: Any) -> Any:
        exchange = self

        class Watched(kind):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                with exchange._lock:
                    exchange._socket = self.sock
                    if exchange._over or time.monotonic() >= exchange._end:
                        self.sock.close()
                        raise TimeoutError("connected too late")

        return Watched
