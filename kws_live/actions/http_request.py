"""Send an HTTP request."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Final

from kws_live.actions import LIMIT_SECONDS, fill
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event

TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one later (RFC 9110 section 15, RFC 6585 section 4, RFC 8470 section 5.2)."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without its body, and count as delivered."""

    def redirect_request(self, *_: object) -> None:
        return None


class HttpRequest:
    """Sends one request for an event; an answer other than 2xx is a failure.

    Parameters
    ----------
    url : http or https; a name and password in it are sent as basic authentication
    method : "POST" if not given
    body : text, with ``{keyword}`` and the like replaced; None: the event as JSON
    headers : more headers, such as ``{"Authorization": "Bearer ..."}``
    limit_seconds : for each step of the exchange

    Raises
    ------
    ConfigError
        If the address is none.
    """

    def __init__(
        self,
        url: str,
        method: str = "POST",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{url!r} is no address; use one such as http://192.168.1.5:8123/api/webhook/lamp")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._url = parts._replace(netloc=host if port is None else f"{host}:{port}", fragment="").geturl()
        self._headers = {"User-Agent": "kws-live", "Content-Type": "application/json", **(headers or {})}
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        self._method = method
        self._body = body
        self._limit_seconds = limit_seconds
        self._opener = urllib.request.build_opener(_NoRedirect)

    def describe(self, event: Event) -> str:
        return f"{self._method} {self._url}  {self._text(event)}".rstrip()

    def _text(self, event: Event) -> str:
        return json.dumps(event.to_dict(), ensure_ascii=False) if self._body is None else fill(self._body, event)

    def do(self, event: Event) -> None:
        data = None if self._method in ("GET", "HEAD") else self._text(event).encode()
        try:
            request = urllib.request.Request(self._url, data, self._headers, method=self._method)
            self._opener.open(request, timeout=self._limit_seconds).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise ActionError(f"{self._url} answered {error.code} {error.reason}", error.code in TRY_AGAIN) from error
        except (OSError, HTTPException) as error:  # URLError and time-outs are OSErrors
            reason = getattr(error, "reason", None) or error
            raise ActionError(f"cannot reach {self._url}: {reason}", again=True) from error

    def close(self) -> None:
        """Nothing is kept between requests."""
