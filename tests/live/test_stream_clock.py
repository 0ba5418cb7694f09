import threading

import numpy as np
import pytest

from kws_live.events import Detection, Event, SpeechStarted
from kws_live.listening import listen
from kws_live.live.stream_clock import StreamClock
from kws_live.spotting.pipeline import Step
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.testing import FakeMicrophone, tone_model
from tests.live.receivers import MODEL, PATIENCE_SECONDS, Blocks


def gap(position: int, *events: Event) -> Step:
    """A step without a verdict, which ends at this position."""
    return Step((*events, SpeechStarted(position=position)), None)


def test_a_call_comes_after_every_event_before_its_position_and_before_those_at_it() -> None:
    clock, calls = StreamClock(10), list[str]()
    early, late = gap(10), gap(20)
    clock.call_at(20, lambda: calls.append("at 20"))
    clock.call_at(15, lambda: calls.append("at 15"))
    clock.stepped(early, 20)
    clock.stepped(late, 30)
    assert calls == []  # the dispatcher has not handed out what was made at 10
    clock.handed_out(early.events[0])
    assert calls == ["at 15", "at 20"]
    clock.call_at(1000, lambda: calls.append("at the end"))
    clock.handed_out(late.events[0])
    clock.end()
    clock.call_at(2000, lambda: calls.append("after it"))
    assert calls == ["at 15", "at 20", "at the end", "after it"]


def test_an_event_that_was_dropped_holds_nothing_up() -> None:
    clock, calls = StreamClock(10), list[str]()
    dropped, told = gap(10), gap(20)
    clock.stepped(dropped, 20)
    clock.stepped(told, 30)
    clock.call_at(30, lambda: calls.append("now"))
    clock.stepped(gap(30), 40)
    clock.handed_out(SpeechStarted(position=5))  # the session's own: not one of these
    clock.handed_out(told.events[0])
    assert calls == ["now"]


def test_it_is_idle_once_all_audio_is_looked_at_and_all_events_are_handled() -> None:
    clock, ring = StreamClock(10), RingBuffer(100)
    assert clock.wait_until_idle(ring, 0.0)
    assert not clock.wait_until_idle(ring, 0.0, awaited=True)
    ring.write(np.zeros(10, np.float32))
    assert not clock.wait_until_idle(ring, 0.0)
    step = gap(10)
    clock.stepped(step, 20)
    assert not clock.wait_until_idle(ring, 0.0)
    is_idle = [False]
    clock.ask(lambda: is_idle[0], lambda: True)
    clock.handed_out(step.events[0])
    assert not clock.wait_until_idle(ring, 0.0)
    assert not clock.wait_until_handled(0.0)
    is_idle[0] = True
    clock.handled()
    assert clock.wait_until_handled(0.0)
    assert clock.wait_until_idle(ring, 0.0)
    with clock.waiting():
        assert clock.wait_until_idle(ring, 0.0, awaited=True)


@pytest.mark.twin("test_a_call_comes_after_every_event_before_its_position_and_before_those_at_it")
def test_waiting_for_a_word_ends_even_where_a_live_source_gives_no_audio() -> None:
    with listen("tcp://127.0.0.1:0?listen", model=tone_model("yes")) as spotter:
        assert spotter.wait_for("yes", timeout_seconds=0.1) is None
        assert spotter.ring.position == 0


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
