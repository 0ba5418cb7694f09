"""All who are told of events, each on its own: what is slow, hangs or fails costs the others nothing."""

import asyncio
import functools
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kws_live import Detection, Event, EventsDropped, listen
from kws_live.errors import ActionError, ConfigError, SessionError
from kws_live.events import COMMAND_SECONDS
from kws_live.live.audience import Audience
from kws_live.live.event_stream import EventStream
from kws_live.live.session_statistics import Statistics
from kws_live.live.stream_clock import StreamClock
from kws_live.sinks import EventSink
from kws_live.system.backlog import LARGEST_BACKLOG
from kws_live.system.clock import wall_seconds
from kws_live.testing import FakeMicrophone, tone_model
from tests.spoken import wait_until

MODEL = tone_model("yes", "no", "stop")
NOTHING = Statistics(0.0, 0, 0, 0, 0.0, 0, 0, 0, 0.0, None, None)
PATIENCE_SECONDS = 20.0


def word(position: int, keyword: str = "yes", age_seconds: float | None = None) -> Detection:
    heard_at = None if age_seconds is None else wall_seconds() - age_seconds
    return Detection(keyword=keyword, score=0.9, position=position, decided_position=position, heard_at=heard_at)


class Blocks:
    """A callback that notes positions, and waits in the first call until it may go on."""

    def __init__(self) -> None:
        self.got: list[Event] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, event: Event) -> None:
        self.got.append(event)
        self.begun.set()
        assert self.go_on.wait(PATIENCE_SECONDS)


class Notes:
    """A sink that notes positions."""

    def __init__(self, oldest_seconds: float = 60.0, into: list[int] | None = None) -> None:
        self.oldest_seconds = oldest_seconds
        self.got: list[int] = [] if into is None else into
        self.n_closed = 0

    def send(self, event: Event) -> None:
        if not isinstance(event, EventsDropped):
            self.got.append(event.position)

    def close(self) -> None:
        self.n_closed += 1


@contextmanager
def audience(*sinks: EventSink) -> Iterator[Audience]:
    one = Audience(StreamClock(0), sinks)
    yield one
    one.hurry()
    one.drain()
    one.close()


def test_a_callback_that_hangs_delays_no_other_callback_sink_iterator_or_wait() -> None:
    hangs, sink, answers = Blocks(), Notes(), list[Detection | None]()
    others: list[int] = []
    with audience(sink) as all_told:
        all_told.add_callback(Event, (), hangs)
        all_told.add_callback(Event, (), lambda event: others.append(event.position))
        stream = all_told.add_stream()
        all_told.deliver(word(1))
        assert hangs.begun.wait(PATIENCE_SECONDS)
        all_told.add_wait(("no",), None, answers.append)
        all_told.deliver(word(2, "no"))
        assert [event.position for event in answers if event is not None] == [2]
        assert [stream.get(0.0), stream.get(0.0)] == [word(1), word(2, "no")]
        wait_until(lambda: (others, sink.got) == ([1, 2], [1, 2]))
        assert hangs.got == [word(1)]
        hangs.go_on.set()
    assert hangs.got == [word(1), word(2, "no")]
    assert sink.n_closed == 1


def test_a_callback_gets_its_events_in_order_and_never_runs_twice_at_once() -> None:
    got: list[int] = []
    running = threading.Lock()

    def callback(event: Event) -> None:
        assert running.acquire(blocking=False)
        got.append(event.position)
        running.release()

    with audience() as all_told:
        all_told.add_callback(Event, (), callback)
        for position in range(500):
            all_told.deliver(word(position))
        all_told.drain()
        assert got == list(range(500))
        assert all_told.figures(NOTHING).delivered_all


def test_a_callback_that_comes_back_late_gets_what_is_fresh_and_the_drop_is_told_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    late, told_too = Blocks(), list[EventsDropped]()
    with audience() as all_told:
        all_told.add_callback(Event, (), late)
        all_told.add_callback(EventsDropped, (), told_too.append)
        all_told.deliver(word(1, age_seconds=0.0))
        assert late.begun.wait(PATIENCE_SECONDS)
        for position in (2, 3):
            all_told.deliver(word(position, age_seconds=COMMAND_SECONDS + 1.0))
        all_told.deliver(word(4, age_seconds=0.0))
        late.go_on.set()
        all_told.drain()
        assert late.got == [word(1), EventsDropped(n_events=2, position=4), word(4)]
        assert told_too == [EventsDropped(n_events=2, position=4)]
        assert all_told.figures(NOTHING).events_dropped == 2
    assert caplog.text.count("older than 10 s") == 1


def test_a_callback_for_words_gets_words_alone_though_some_were_dropped() -> None:
    late = Blocks()
    with audience() as all_told:
        all_told.add_callback(Detection, ("yes",), late)
        all_told.deliver(word(1))
        assert late.begun.wait(PATIENCE_SECONDS)
        all_told.deliver(word(2, age_seconds=COMMAND_SECONDS + 1.0))
        all_told.deliver(word(3))
        late.go_on.set()
        all_told.drain()
        assert late.got == [word(1), word(3)]


def test_a_recording_loses_nothing_to_a_slow_callback_up_to_a_thousand_events() -> None:
    slow = Blocks()
    with audience() as all_told:
        all_told.add_callback(Event, (), slow)
        for position in range(LARGEST_BACKLOG):
            all_told.deliver(word(position))
        slow.go_on.set()
        all_told.drain()
        assert [event.position for event in slow.got] == list(range(LARGEST_BACKLOG))


def test_callbacks_that_are_all_too_slow_do_not_flood_each_other_with_what_they_dropped() -> None:
    slow = [Blocks() for _ in range(4)]
    with audience() as all_told:
        for one in slow:
            all_told.add_callback(Event, (), one)
        for position in range(2 * LARGEST_BACKLOG):
            all_told.deliver(word(position))
        for one in slow:
            one.go_on.set()
        all_told.drain()
        for one in slow:
            words = [event for event in one.got if isinstance(event, Detection)]
            assert words[-1].position == 2 * LARGEST_BACKLOG - 1
            assert len(words) >= LARGEST_BACKLOG
            assert sum(isinstance(event, EventsDropped) for event in one.got) <= len(slow)


@pytest.mark.parametrize(("oldest_seconds", "got"), [(float("inf"), [1, 2]), (60.0, [2])])
def test_a_sink_says_itself_how_old_its_events_may_be(oldest_seconds: float, got: list[int]) -> None:
    sink = Notes(oldest_seconds)
    with audience(sink) as all_told:
        all_told.deliver(word(1, age_seconds=3600.0))
        all_told.deliver(word(2, age_seconds=30.0))
    assert sink.got == got
    assert all_told.figures(NOTHING).events_undelivered == 2 - len(got)
    assert all_told.figures(NOTHING).events_dropped == 0


def test_a_sink_is_closed_by_its_own_thread_and_one_that_hangs_delays_no_other() -> None:
    class Hangs(Notes):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = threading.Event()

        def close(self) -> None:
            super().close()
            assert self.go_on.wait(PATIENCE_SECONDS)

    hanging, fine = Hangs(), Notes()
    all_told = Audience(StreamClock(0), [hanging, fine])
    closing = threading.Thread(target=all_told.close)
    closing.start()
    wait_until(lambda: (hanging.n_closed, fine.n_closed) == (1, 1))
    hanging.go_on.set()
    closing.join()
    late = Notes()
    all_told.add_sink(late)
    assert late.n_closed == 1


def test_a_sink_that_fails_for_now_is_tried_again_and_the_end_does_not_wait_for_it_for_ever() -> None:
    class Full(Notes):
        n_tries = 0

        def send(self, event: Event) -> None:
            self.n_tries += 1
            if self.n_tries != 2:
                raise ActionError("the disk is full", again=True)
            super().send(event)

    sink = Full()
    with audience(sink) as all_told:
        all_told.deliver(word(1))
        wait_until(lambda: sink.got == [1])
        all_told.deliver(word(2))
    assert sink.n_closed == 1
    assert all_told.figures(NOTHING).events_undelivered == 1
    assert not all_told.figures(NOTHING).delivered_all


def test_each_failure_is_told_once_with_its_traceback_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    def callback(event: Detection) -> None:
        if event.keyword == "yes":
            raise LookupError(f"no lamp {event.position}")
        raise NameError("oops")

    with audience() as all_told:
        all_told.add_callback(Detection, (), callback)
        for position in range(10):
            all_told.deliver(word(position, ("yes", "no")[position % 2]))
        all_told.drain()
        assert all_told.figures(NOTHING).callback_errors == 10
    assert caplog.text.count("Traceback") == 2
    assert caplog.text.count("no lamp 0") == 1
    assert "callback test_each_failure" in caplog.text


PROGRAMS = {
    "callback": """
        with kws_live.listen(FakeMicrophone(["yes", "yes"]), model=tone_model("yes")) as spotter:
            @spotter.on()
            def broken(detection): raise NameError("oops")
            spotter.wait()
    """,
    "coroutine": """
        async def main():
            async with kws_live.listen(FakeMicrophone(["yes", "yes"]), model=tone_model("yes")) as spotter:
                @spotter.on()
                async def broken(detection): raise NameError("oops")
                await asyncio.to_thread(spotter.wait)
                await asyncio.sleep(0.1)
        asyncio.run(main())
    """,
    "sink": """
        class Sink:
            def send(self, event): raise NameError("oops")
            def close(self): pass
        with kws_live.listen(FakeMicrophone(["yes", "yes"]), model=tone_model("yes"), sinks=[Sink()]) as spotter:
            spotter.wait()
    """,
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_failure_is_seen_without_logging_set_up(kind: str) -> None:
    import textwrap

    program = "import asyncio, kws_live\nfrom kws_live.testing import *\n" + textwrap.dedent(PROGRAMS[kind])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "NameError: oops" in done.stderr
    assert done.stderr.count("Traceback") == 1


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_callback_that_wants_the_program_to_end_ends_the_listening(error: BaseException) -> None:
    microphone = FakeMicrophone()
    spotter = listen(microphone, model=MODEL)

    @spotter.on()
    def leave(_: Detection) -> None:
        raise error

    microphone.add("yes")
    with spotter, pytest.raises(SessionError, match=f"listening broke: {type(error).__name__}"):
        spotter.wait(PATIENCE_SECONDS)


# Stopping.


def test_who_stops_from_a_callback_has_all_the_time_it_needs_though_another_one_hangs() -> None:
    hangs, saved, stopped = Blocks(), threading.Event(), threading.Event()
    spotter = listen(FakeMicrophone(["yes", "no"]), model=MODEL)
    spotter.on("yes")(hangs)

    @spotter.on("no")
    def leave(_: Detection) -> None:
        assert hangs.begun.wait(PATIENCE_SECONDS)
        spotter.stop()
        stopped.set()
        threading.Event().wait(1.5)  # longer than what hangs is waited for
        saved.set()

    hangs_in_fake_microphone = threading.Timer(0.5, hangs.go_on.set)  # it hands on nothing while a callback runs
    hangs_in_fake_microphone.start()
    with spotter:
        assert spotter.wait(PATIENCE_SECONDS)
        assert saved.is_set()
    hangs_in_fake_microphone.join()


def test_what_hangs_while_another_callback_stops_is_left_behind() -> None:
    hangs = Blocks()
    one = Audience(StreamClock(0))
    done = threading.Event()

    def stop(_: Event) -> None:
        assert hangs.begun.wait(PATIENCE_SECONDS)
        one.hurry()
        done.set()

    one.add_callback(Event, (), hangs)
    one.add_callback(Event, (), stop)
    one.deliver(word(1))
    one.deliver(word(2))
    one.drain()
    assert done.is_set()
    one.close()
    hangs.go_on.set()
    wait_until(lambda: not any(thread.name.startswith("kws-live callback") for thread in threading.enumerate()))
    assert hangs.got == [word(1)]  # it is called no more


def test_it_knows_its_callbacks_by_their_threads() -> None:
    answers: list[bool] = []
    with audience() as all_told, audience() as others:
        all_told.add_callback(Event, (), lambda _: answers.extend((all_told.runs_here(), others.runs_here())))
        all_told.deliver(word(1))
        all_told.drain()
        assert not all_told.runs_here()
    assert answers == [True, False]


# Coroutines.


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


# The clock of a program under test.


def test_say_comes_back_when_each_callback_has_run_and_a_wait_is_answered_before() -> None:
    slow = Blocks()
    microphone = FakeMicrophone()
    answers: list[Detection | None] = []
    with listen(microphone, model=MODEL) as spotter:
        spotter.on()(slow)
        asking = threading.Thread(target=lambda: answers.append(spotter.wait_for("yes")))
        asking.start()
        saying = threading.Thread(target=microphone.say, args=("yes",))
        saying.start()
        asking.join(PATIENCE_SECONDS)
        assert not asking.is_alive()
        assert saying.is_alive()
        assert not slow.go_on.is_set()
        slow.go_on.set()
        saying.join(PATIENCE_SECONDS)
        assert not saying.is_alive()
    assert [event.keyword for event in answers if event] == ["yes"]


def test_a_time_out_of_the_stream_comes_after_the_callbacks_of_the_words_before_it() -> None:
    heard: list[str] = []
    with listen(FakeMicrophone(["yes", "no"]), model=MODEL) as spotter:

        @spotter.on()
        def slow(detection: Detection) -> None:
            threading.Event().wait(0.2)
            heard.append(detection.keyword)

        assert spotter.wait_for("stop", timeout_seconds=2.0) is None
        assert heard == ["yes"]


def test_at_the_end_of_a_recording_wait_comes_back_when_each_callback_has_run() -> None:
    heard: list[str] = []
    with listen(FakeMicrophone(["yes", "no"]), model=MODEL) as spotter:

        @spotter.on()
        def slow(detection: Detection) -> None:
            threading.Event().wait(0.5)
            heard.append(detection.keyword)

        assert spotter.wait()
        assert heard == ["yes", "no"]


# Everything at once.


class Unruly(Notes):
    """A sink that hangs, or raises one thing or another."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._never = threading.Event()

    def send(self, event: Event) -> None:
        match self._rng.randrange(40):
            case 0:
                self._never.wait(0.02)
            case 1:
                raise ValueError("a bug")
            case 2:
                raise OSError("a disk")
            case 3:
                raise ActionError("away", again=True)
        super().send(event)


class Comings:
    """Receivers that come to an audience and leave it."""

    def __init__(self, rng: random.Random, all_told: Audience) -> None:
        self._rng, self._all_told = rng, all_told
        self._streams: list[EventStream] = []

    def next(self) -> None:
        match self._rng.randrange(12):
            case 0:
                self._all_told.add_callback(Event, (), Unruly(self._rng).send)
            case 1:
                self._all_told.add_sink(Unruly(self._rng))
            case 2:
                self._streams.append(self._all_told.add_stream())
            case 3 if self._streams:
                self._streams.pop().close()
            case 4:
                self._all_told.add_wait((), None, lambda _: None)


def test_receivers_that_hang_raise_come_and_stop_at_random_leave_nothing_behind() -> None:
    rng = random.Random(7)
    before = set(threading.enumerate())
    for _ in range(20):
        all_told = Audience(StreamClock(0), [Unruly(rng)])
        good: list[int] = []
        all_told.add_callback(Event, (), Notes(into=good).send)
        comings = Comings(rng, all_told)
        for position in range(60):
            comings.next()
            all_told.deliver(word(position))
        stopper = threading.Thread(target=all_told.hurry)
        stopper.start()
        all_told.drain()
        all_told.close()
        stopper.join()
        assert good == list(range(60))
    wait_until(lambda: set(threading.enumerate()) <= before)


def test_of_overlapping_mutings_each_ends_at_its_own_time() -> None:
    notes = Notes()
    with audience() as told:
        told.add_callback(Detection, (), notes.send)
        first = told.mute(100)
        second = told.mute(150)
        first(1000)  # with a long time for its echo
        second(300)
        for position in (50, 120, 200, 500, 999, 1001):
            told.deliver(word(position))
    assert notes.got == [50, 1001]
