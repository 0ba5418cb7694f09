"""Access control of the panel: only its own page, opened by a person with the token.

A web page the user happens to visit can send requests to the user's own machine. Two things stop it: the browser
names the page's origin when it opens a WebSocket, and a page that got here by pointing its own host name at this
machine (DNS rebinding) gives itself away by that name in the Host header. Other users and programs of the machine
are stopped by the token.
"""

import hashlib
import hmac
import ipaddress
import re
import socket
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def is_loopback(name: str) -> bool:
    """Whether a host name or address belongs to this machine."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_own_name(name: str) -> bool:
    """Whether a name in a Host header can only mean this machine: an address, or its own name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in ("localhost", own, f"{own}.local")
    return True


class Guard:
    """Refuses requests that do not come from the panel's own page.

    Parameters
    ----------
    app : the guarded application
    loopback_only : whether only loopback names are accepted as Host
    token : required once as ``?token=``; then the browser has a cookie that proves it. None: not required
    """

    def __init__(self, app: ASGIApp, loopback_only: bool, token: str | None) -> None:
        self._app = app
        self._loopback_only = loopback_only
        self._token = token
        self._pass = hashlib.sha256((token or "").encode()).hexdigest()  # a cookie cannot hold every word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal.headers.update(HEADERS)
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        found = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        name = found["name"].strip("[]").lower() if found else ""
        if not (is_loopback(name) if self._loopback_only else _is_own_name(name)):
            return PlainTextResponse(
                "This page is not served under that name; open the address that kws-live printed.", 421
            )
        origins = headers.getlist("origin")
        # A browser always sends the Origin of a WebSocket; a client without one is not our page.
        if (origins or scope["type"] == "websocket") and origins != [f"http://{hosts[0]}"]:
            return PlainTextResponse("Other web pages may not use this page.", 403)
        if self._token is None:
            return None
        cookie = f"kws_live_{scope['server'][1]}"  # cookies are shared by all ports of a machine
        shown = _cookies(headers.getlist("cookie"), cookie)
        known = any(hmac.compare_digest(value.encode(), self._pass.encode()) for value in shown)
        given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("token", [])
        if scope["type"] == "http" and given and (known or self._fits(given[0])):
            # Remove the token from the address bar, so that it is not shown, bookmarked or shared.
            answer = RedirectResponse("/", 303)
            # Lax, not strict: a link from another site redirects once, and the second request needs the cookie.
            answer.set_cookie(cookie, self._pass, httponly=True, samesite="lax")
            return answer
        if known:
            return None
        return PlainTextResponse("Open the address that kws-live printed: it contains the token.", 401)

    def _fits(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())


def _cookies(headers: list[str], name: str) -> list[str]:
    """Return the values of one cookie."""
    pairs = (part.partition("=") for header in headers for part in header.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]
