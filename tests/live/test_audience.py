"""All receivers of events, each on its own thread: one that is slow, hangs or fails costs the others nothing."""

import random
import threading

import pytest

from kws_live import Detection, Event, listen
from kws_live.errors import ActionError
from kws_live.live.audience import Audience
from kws_live.live.event_stream import EventStream
from kws_live.live.stream_clock import StreamClock
from kws_live.testing import FakeMicrophone
from tests.live.receivers import MODEL, PATIENCE_SECONDS, Blocks, Notes, audience, word
from tests.spoken import wait_until


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


# Stopping.


@pytest.mark.slow
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


@pytest.mark.slow
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
