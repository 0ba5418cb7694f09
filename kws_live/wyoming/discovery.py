"""Announces the Wyoming service by multicast DNS, so that Home Assistant can discover it.

References
----------
DNS-based service discovery: RFC 6763. Home Assistant searches for ``_wyoming._tcp.local.``
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from kws_live.errors import ConfigError
from kws_live.system.outside_log import one_line, spare

log = spare(logging.getLogger(__name__))

KIND: Final = "_wyoming._tcp.local."
LONGEST_NAME_BYTES: Final = 63
MULTICAST_GROUP: Final = "224.0.0.251"
END_SECONDS: Final = 0.5
"""Time limit for the goodbye message, so that the server ends within a second."""


@asynccontextmanager
async def announced(name: str, host: str, port: int) -> AsyncIterator[None]:
    """Announce a service during the ``with`` block; logs a warning if the network does not allow it.

    Parameters
    ----------
    name : shown by Home Assistant; 1 to 63 bytes; becomes "NAME-2" if the name is already in use on the network
    host : address the service listens on: one of this machine, or 0.0.0.0 or :: for all of them
    port : port the service listens on

    Raises
    ------
    ConfigError
        If the name is too long, or zeroconf is not installed.
    """
    try:
        from zeroconf import Error, InterfaceChoice
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
    except ImportError as error:
        raise ConfigError('--zeroconf needs one more package: pip install "kws-live[wyoming]"') from error
    if not 1 <= len(name.encode()) <= LONGEST_NAME_BYTES:
        raise ConfigError(f"{one_line(repr(name), 80)} cannot be announced; names have 1 to {LONGEST_NAME_BYTES} bytes")
    zeroconf = None
    try:
        everywhere = host in ("0.0.0.0", "::")
        if everywhere:
            address = _address_towards(MULTICAST_GROUP)
        else:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET)
            address = str(found[0][4][0])
        zeroconf = AsyncZeroconf(interfaces=InterfaceChoice.All if everywhere else [address])
        service = AsyncServiceInfo(KIND, f"{name}.{KIND}", port, parsed_addresses=[address])
        await zeroconf.async_register_service(service, allow_name_change=True)
    except (OSError, Error) as error:
        log.warning("cannot announce the service; add it manually: %s", error or type(error).__name__)
    try:
        yield
    finally:
        if zeroconf is not None:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(END_SECONDS):
                    await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


def _address_towards(host: str) -> str:
    """Return this machine's address on the route to a host; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((host, 9))
        return str(way.getsockname()[0])
