import asyncio
import logging
import socket
import struct
from typing import Any

import pytest

from kws_live.errors import ConfigError
from kws_live.wyoming.discovery import KIND, announced
from tests.wyoming_service import run

zeroconf = pytest.importorskip("zeroconf", reason="no zeroconf here: pip install zeroconf")
PATIENCE_SECONDS = 20.0


def _multicast_works() -> bool:
    """Whether a datagram to a group arrives on the loopback interface."""
    group = "224.0.0.251"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        try:
            receiver.bind(("", 0))
            joined = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton("127.0.0.1"))
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
            receiver.settimeout(2.0)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            sender.sendto(b"x", (group, receiver.getsockname()[1]))
            return receiver.recv(1) == b"x"
        except OSError:
            return False


class _Seen:
    """What a browser of the network is told."""

    def __init__(self) -> None:
        self.added: asyncio.Queue[str] = asyncio.Queue()
        self.removed: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        {"Added": self.added, "Removed": self.removed}.get(state_change.name, asyncio.Queue[str]()).put_nowait(name)


@pytest.mark.skipif(not _multicast_works(), reason="no multicast on the loopback interface here")
def test_a_browser_of_the_network_finds_the_service_and_sees_it_go() -> None:
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

    async def test() -> None:
        seen = _Seen()
        other = AsyncZeroconf(interfaces=["127.0.0.1"])
        browser = AsyncServiceBrowser(other.zeroconf, KIND, handlers=[seen])
        name = f"kws-live test.{KIND}"
        async with announced("kws-live test", "127.0.0.1", 10_400):
            assert await seen.added.get() == name
            service = await other.async_get_service_info(KIND, name)
            assert service is not None
            assert (service.parsed_addresses(), service.port) == (["127.0.0.1"], 10_400)
        assert await seen.removed.get() == name
        await browser.async_cancel()
        await other.async_close()

    async def limited() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await test()

    asyncio.run(limited())


def test_a_service_that_cannot_be_announced_is_served_all_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("kws_live.wyoming.discovery"), "filters", [])  # told before, perhaps

    async def test() -> None:
        async with announced("kws-live", "no such host.invalid", 1):
            pass

    asyncio.run(test())
    assert "add it manually" in caplog.text


def test_an_announced_service_serves() -> None:
    async def test(port: int) -> None:
        assert port

    run(test, announce_as="kws-live test")


@pytest.mark.parametrize("name", ["", "ü" * 32])
def test_a_name_that_cannot_be_announced_is_refused(name: str) -> None:
    async def test() -> None:
        async with announced(name, "127.0.0.1", 1):
            pass

    with pytest.raises(ConfigError, match="1 to 63 bytes"):
        asyncio.run(test())
