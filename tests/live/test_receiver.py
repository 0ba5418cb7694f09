"""What one callback or sink gets: in order, fresh, and its failures told."""

import subprocess
import sys
import threading

import pytest

from kws_live import Detection, Event, EventsDropped, listen
from kws_live.errors import ActionError, SessionError
from kws_live.events import COMMAND_SECONDS
from kws_live.system.backlog import LARGEST_BACKLOG
from kws_live.testing import FakeMicrophone
from tests.live.receivers import MODEL, NOTHING, PATIENCE_SECONDS, Blocks, Notes, audience, word
from tests.spoken import wait_until


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


class Lamp:
    """A user's object."""

    def switch(self, event: Event) -> None:
        raise LookupError("no lamp")


class NamedLamp(Lamp):
    """One that says what it is called."""

    name = "kitchen lamp"
    __call__ = Lamp.switch


class LampSink(Lamp):
    send = Lamp.switch

    def close(self) -> None: ...


def test_failures_name_a_function_as_its_program_does_and_an_object_as_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with audience(LampSink()) as all_told:
        all_told.add_callback(Detection, (), Lamp().switch)
        all_told.add_callback(Detection, (), NamedLamp())
        all_told.deliver(word(1))
        all_told.drain()
    assert "callback Lamp.switch failed;" in caplog.text
    assert "kitchen lamp failed;" in caplog.text
    assert "sink LampSink: not delivered: LookupError: no lamp" in caplog.text


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
