"""Coroutine callbacks, which run on the event loop that registered them."""

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kws_live import Event, EventsDropped
from kws_live.errors import ConfigError
from kws_live.events import COMMAND_SECONDS
from tests.live.receivers import NOTHING, PATIENCE_SECONDS, audience, word


def forms(note: Callable[[Any], object]) -> dict[str, Callable[[Any], Any]]:
    async def function(event: Event) -> None:
        await asyncio.sleep(0)
        note(event)

    async def more(_first: int, event: Event) -> None:
        note(event)

    class Called:
        async def __call__(self, event: Event) -> None:
            note(event)

        async def method(self, event: Event) -> None:
            note(event)

    return {
        "function": function,
        "partial": functools.partial(more, 1),
        "object": Called(),
        "partial of an object": functools.partial(Called()),
        "method": Called().method,
        "lambda": lambda event: function(event),
        "future": lambda event: asyncio.run_coroutine_threadsafe(function(event), LOOPS[0]),
    }


LOOPS: list[asyncio.AbstractEventLoop] = []


@pytest.mark.parametrize("form", [name for name in forms(print) if name != "future"])
def test_every_form_of_coroutine_runs_on_the_loop_of_its_registration_in_order(form: str) -> None:
    got: list[tuple[int, bool]] = []

    async def program() -> None:
        here = threading.current_thread()
        with audience() as all_told:
            callback = forms(lambda event: got.append((event.position, threading.current_thread() is here)))[form]
            all_told.add_callback(Event, (), callback)
            for position in range(20):
                all_told.deliver(word(position))
            while len(got) < 20:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(program(), PATIENCE_SECONDS))
    assert got == [(position, True) for position in range(20)]


def test_one_coroutine_callback_never_runs_twice_at_once_and_knows_where_it_runs() -> None:
    running, most, here = 0, 0, list[bool]()

    async def program() -> None:
        with audience() as all_told:

            async def callback(_: Event) -> None:
                nonlocal running, most
                running += 1
                most = max(most, running)
                here.extend((all_told.runs_here(), await asyncio.to_thread(all_told.runs_here)))
                running -= 1

            all_told.add_callback(Event, (), callback)
            for position in range(5):
                all_told.deliver(word(position))
            while len(here) < 10:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(program(), PATIENCE_SECONDS))
    assert most == 1
    assert here == [True, False] * 5


def test_a_loop_that_was_busy_for_long_runs_what_is_fresh_alone() -> None:
    got: list[Event] = []

    async def program() -> None:
        with audience() as all_told:

            async def callback(event: Event) -> None:
                got.append(event)

            all_told.add_callback(Event, (), callback)
            for position, age_seconds in ((1, COMMAND_SECONDS + 1.0), (2, 0.0)):
                all_told.deliver(word(position, age_seconds=age_seconds))
            while len(got) < 2:
                await asyncio.sleep(0.01)
            assert all_told.figures(NOTHING).events_dropped == 1

    asyncio.run(asyncio.wait_for(program(), PATIENCE_SECONDS))
    assert got == [EventsDropped(n_events=1, position=2), word(2)]


def test_a_coroutine_function_where_no_loop_runs_and_a_generator_are_refused() -> None:
    async def coroutine(_: Event) -> None: ...

    def generator(event: Event) -> Iterator[Event]:
        yield event

    with audience() as all_told:
        with pytest.raises(ConfigError, match=r"coroutine is a coroutine function, and no event loop runs here; regis"):
            all_told.add_callback(Event, (), coroutine)
        with pytest.raises(ConfigError, match="is a generator function, whose body never runs"):
            all_told.add_callback(Event, (), generator)


def test_a_coroutine_that_nothing_can_await_is_told_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    callback = forms(print)["lambda"]
    with audience() as all_told:
        all_told.add_callback(Event, (), callback)
        for position in range(3):
            all_told.deliver(word(position))
        all_told.drain()
        assert all_told.figures(NOTHING).callback_errors == 3
    assert caplog.text.count("no event loop ran where it was registered") == 1


def test_a_loop_that_has_ended_is_told_once_and_what_was_for_it_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    with audience() as all_told:

        async def register() -> None:
            all_told.add_callback(Event, (), forms(print)["function"])

        asyncio.run(register())
        for position in range(3):
            all_told.deliver(word(position))
        assert all_told.figures(NOTHING).events_dropped == 3
    assert caplog.text.count("its event loop has ended") == 1
