"""Events as an iterator, blocking and asynchronous."""

import asyncio
import threading

import pytest

from kws_live.events import COMMAND_SECONDS, EventsDropped, SpeechStarted
from kws_live.live.event_stream import EventStream
from kws_live.system.backlog import LARGEST_BACKLOG
from kws_live.system.clock import wall_seconds

EVENTS = [SpeechStarted(position=i) for i in range(5)]


def stream() -> EventStream:
    return EventStream(lambda closed: None)


def test_it_gives_what_was_put_and_ends() -> None:
    events = stream()
    for event in EVENTS:
        events.put(event)
    events.end()
    assert list(events) == EVENTS
    assert list(events) == []


def test_a_reader_who_waits_is_woken_by_an_event_and_by_the_end() -> None:
    events = stream()
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.extend(events))
    reader.start()
    for event in EVENTS:
        events.put(event)
    events.end()
    reader.join()
    assert got == EVENTS


@pytest.mark.twin("test_it_gives_what_was_put_and_ends")
def test_get_gives_none_at_the_time_out() -> None:
    assert stream().get(0.0) is None


def test_an_async_reader_gets_events_of_another_thread_and_the_end() -> None:
    events = stream()

    async def read() -> list[object]:
        writer.start()
        return [event async for event in events]

    def write() -> None:
        for event in EVENTS:
            events.put(event)
        events.end()

    writer = threading.Thread(target=write)
    assert asyncio.run(read()) == EVENTS
    writer.join()


def test_an_async_reader_that_was_cancelled_loses_nothing() -> None:
    events = stream()

    async def read() -> object:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.01)
        events.put(EVENTS[0])
        return await asyncio.wait_for(anext(events), 10)

    assert asyncio.run(read()) == EVENTS[0]


def test_an_event_after_the_loop_has_gone_disturbs_nobody() -> None:
    events = stream()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.01)

    asyncio.run(give_up())
    events.put(EVENTS[0])
    events.end()
    assert list(events) == EVENTS[:1]


def test_a_reader_that_does_not_come_loses_the_oldest_which_are_counted_and_told() -> None:
    events = stream()
    for i in range(LARGEST_BACKLOG + 7):
        events.put(SpeechStarted(position=i))
    events.end()
    assert next(events) == EventsDropped(n_events=7, position=7)
    assert [event.position for event in events] == list(range(7, LARGEST_BACKLOG + 7))
    assert events.n_dropped == 7


def test_a_reader_that_comes_too_late_gets_what_is_fresh_alone() -> None:
    events = stream()
    for i in range(4):
        events.put(SpeechStarted(position=i, heard_at=wall_seconds() - (COMMAND_SECONDS + 1.0 if i < 3 else 0.0)))
    assert events.get(0.0) == EventsDropped(n_events=3, position=3)
    assert events.get(0.0) == SpeechStarted(position=3)
    events.put(SpeechStarted(position=4, heard_at=wall_seconds() - COMMAND_SECONDS - 1.0))
    assert events.get(0.0) == EventsDropped(n_events=1, position=4)
    assert events.get(0.0) is None
    assert events.n_dropped == 4


def test_closing_says_so_and_ends_the_iteration() -> None:
    closed: list[EventStream] = []
    events = EventStream(closed.append)
    events.close()
    assert closed == [events]
    assert list(events) == []
