"""Announces the Wyoming service by multicast DNS, so that Home Assistant finds it by itself.

References
----------
DNS-based service discovery: RFC 6763. Home Assistant looks for ``_wyoming._tcp.local.``
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
"""For the farewell: a server that is told to end does so within a second."""


@asynccontextmanager
async def announced(name: str, host: str, port: int) -> AsyncIterator[None]:
    """Announce a service while the ``with`` block runs; where the network does not allow it, a warning says so.

    Parameters
    ----------
    name : shown by Home Assistant; 1 to 63 bytes; another service of that name in the network makes it "NAME-2"
    host : where the service listens: an address of this machine, or 0.0.0.0 or :: for all of them
    port : where it listens

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
        raise ConfigError(f"{one_line(repr(name), 80)} cannot be announced; a name has 1 to {LONGEST_NAME_BYTES} bytes")
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
        log.warning("cannot announce the service, so it must be added by hand: %s", error or type(error).__name__)
    try:
        yield
    finally:
        if zeroconf is not None:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(END_SECONDS):
                    await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


def _address_towards(host: str) -> str:
    """This machine's address on the way to another; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((host, 9))
        return str(way.getsockname()[0])
