import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from kws_live.system.door import MOST_CONNECTIONS, Door, keep_alive, most_connections

PATIENCE_SECONDS = 20.0


class Visitor(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, door: Door, admitted: bool) -> None:
        self._door, self._admitted = door, admitted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._door.arrive(transport)
        if self._admitted:
            self._door.admit(transport)
        transport.write(b"hello")

    def eof_received(self) -> bool:
        return False  # close


async def _greeted(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(5) == b"hello"
    except ConnectionError:
        return False


@asynccontextmanager
async def _visits(door: Door, admitted: list[bool]) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that came one after the other; each has been greeted, or refused."""
    loop = asyncio.get_running_loop()
    wanted = iter(admitted)
    server = await loop.create_server(lambda: Visitor(door, next(wanted)), "127.0.0.1", 0)
    readers, writers = [], []
    for _ in admitted:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        readers.append(reader)
        writers.append(writer)
        await _greeted(reader)
    yield readers
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    server.close()
    await asyncio.sleep(0.05)  # the server's ends are closed by the loop


async def wait_until_ended(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        assert await reader.read() == b""


def _run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await test

    asyncio.run(limited())


def test_when_it_is_full_the_one_that_has_waited_longest_gives_way() -> None:
    async def test() -> None:
        async with _visits(Door(3, 600.0), [False, True, False, False]) as readers:
            await wait_until_ended(readers[0])
            assert not any(reader.at_eof() for reader in readers[1:])

    _run(test())


def test_when_all_have_been_admitted_the_new_one_gives_way() -> None:
    async def test() -> None:
        async with _visits(Door(2, 600.0), [True, True, False]) as readers:
            await wait_until_ended(readers[2])
            assert not any(reader.at_eof() for reader in readers[:2])

    _run(test())


def test_who_is_not_admitted_in_time_is_ended_and_who_is_may_stay() -> None:
    async def test() -> None:
        async with _visits(Door(9, 0.2), [True, False]) as readers:
            await wait_until_ended(readers[1])
            assert not readers[0].at_eof()

    _run(test())


@pytest.mark.twin("test_when_all_have_been_admitted_the_new_one_gives_way")
def test_the_place_of_one_who_left_is_free_again() -> None:
    async def test() -> None:
        door = Door(1, 600.0)
        for _ in range(20):
            async with _visits(door, [True]) as (reader,):
                assert not reader.at_eof()

    _run(test())


def test_a_peer_that_vanished_is_found_out() -> None:
    with socket.socket() as connection, socket.socket() as other:
        keep_alive(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not other.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    keep_alive(None)  # standard input is no socket


def test_there_are_fewer_connections_than_files_may_be_open() -> None:
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most_connections() <= (MOST_CONNECTIONS if soft < 0 else max(4, soft // 4))
