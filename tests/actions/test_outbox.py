import threading

import pytest

from kws_live.actions.outbox import Outbox
from kws_live.errors import ActionError
from kws_live.events import Event
from kws_live.system.clock import wall_seconds
from tests.spoken import wait_until


def event(number: int, age_seconds: float | None = None) -> Event:
    """An event that its position tells from others."""
    return Event(position=number, heard_at=None if age_seconds is None else wall_seconds() - age_seconds)


class Receiver:
    """Notes the numbers of the events it gets; the first one waits until it may go on."""

    def __init__(self, waits: bool = False) -> None:
        self.got: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        if not waits:
            self.go_on.set()

    def deliver(self, event: Event) -> None:
        self.begun.set()
        assert self.go_on.wait(20)
        self.got.append(event.position)


def test_events_are_delivered_in_order() -> None:
    receiver = Receiver()
    outbox = Outbox("test", receiver.deliver)
    for number in range(100):
        outbox.put(event(number))
    outbox.close()
    assert receiver.got == list(range(100))
    assert outbox.n_lost == 0


def test_its_thread_starts_with_the_first_event_and_ends_with_the_outbox() -> None:
    before = threading.active_count()
    outbox = Outbox("test", Receiver().deliver)
    assert threading.active_count() == before
    outbox.put(event(1))
    outbox.close()
    assert threading.active_count() == before


def test_an_event_may_be_for_a_function_of_its_own() -> None:
    receiver, other = Receiver(), Receiver()
    outbox = Outbox("test", receiver.deliver)
    outbox.put(event(1))
    outbox.put(event(2), other.deliver)
    outbox.close()
    assert (receiver.got, other.got) == ([1], [2])


def test_put_never_waits_for_a_receiver_that_hangs_and_the_oldest_give_way() -> None:
    receiver = Receiver(waits=True)
    outbox = Outbox("test", receiver.deliver, largest=3)
    outbox.put(event(0))
    assert receiver.begun.wait(10)
    for number in range(1, 8):
        outbox.put(event(number))
    receiver.go_on.set()
    outbox.close()
    assert receiver.got == [0, 5, 6, 7]  # 0 was under way; of 1 to 7 the newest three fit
    assert outbox.n_lost == 4


def test_what_fails_for_now_is_tried_again_before_the_next_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def deliver(event: Event) -> None:
        tries.append(event.position)
        if len(tries) < 4:
            raise ActionError("the server is away", again=True)

    outbox = Outbox("test", deliver)
    outbox.put(event(1))
    outbox.put(event(2))
    wait_until(lambda: 2 in tries)
    outbox.close()
    assert tries == [1, 1, 1, 1, 2]
    told = [record.message for record in caplog.records]
    assert told == ["the server is away; trying again", "test works again; 0 not delivered in the meantime"]


def test_a_failure_that_the_next_try_mends_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def deliver(event: Event) -> None:
        tries.append(event.position)
        if len(tries) == 1:
            raise ActionError("a blink", again=True)

    outbox = Outbox("test", deliver)
    outbox.put(event(1))
    wait_until(lambda: len(tries) == 2)
    outbox.close()
    assert caplog.records == []


@pytest.mark.parametrize("error", [ActionError("refused"), ValueError("a bug")])
def test_what_cannot_work_is_lost_and_counted_and_told_once_until_it_works_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[int] = []

    def deliver(event: Event) -> None:
        if event.position < 3:
            raise error
        got.append(event.position)

    outbox = Outbox("test", deliver)
    for number in range(5):
        outbox.put(event(number))
    outbox.close()
    assert got == [3, 4]
    assert outbox.n_lost == 3
    assert (
        caplog.text.count(f"not delivered: {'ValueError: a bug' if isinstance(error, ValueError) else 'refused'}") == 1
    )
    assert caplog.text.count("test works again; 3 not delivered in the meantime") == 1
    assert ("Traceback" in caplog.text) is isinstance(error, ValueError)


def test_an_event_too_old_when_its_turn_comes_is_not_delivered() -> None:
    receiver = Receiver()
    outbox = Outbox("test", receiver.deliver, oldest_seconds=10.0)
    for number, age_seconds in enumerate((11.0, 1.0, 3600.0, None)):
        outbox.put(event(number, age_seconds))
    outbox.close()
    assert receiver.got == [1, 3]
    assert outbox.n_lost == 2


@pytest.mark.parametrize("age_seconds", [None, 0.0])
def test_an_event_that_becomes_too_old_between_two_tries_is_tried_no_more(age_seconds: float | None) -> None:
    tries: list[int] = []

    def deliver(event: Event) -> None:
        tries.append(event.position)
        if event.position == 1:
            raise ActionError("away", again=True)

    outbox = Outbox("test", deliver, oldest_seconds=0.6)
    outbox.put(event(1, age_seconds))
    wait_until(lambda: outbox.n_lost == 1)
    outbox.put(event(2))
    outbox.close()
    assert tries[-1] == 2
    assert 1 < len(tries) < 5


def test_close_gives_up_on_a_receiver_that_is_away_and_says_how_many_are_left(caplog: pytest.LogCaptureFixture) -> None:
    tried, go_on = threading.Event(), threading.Event()

    def deliver(_: Event) -> None:
        tried.set()
        go_on.wait()
        raise ActionError("away", again=True)

    outbox = Outbox("test", deliver, abort=go_on.set)
    for number in range(3):
        outbox.put(event(number))
    assert tried.wait(10)
    outbox.close(seconds=0.0)
    outbox.close()
    assert outbox.n_lost == 3
    assert [record.message for record in caplog.records] == ["test: 3 not delivered by the end: away"]


def test_the_cause_of_what_became_too_old_is_told_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    def deliver(_: Event) -> None:
        raise ActionError("away", again=True)

    outbox = Outbox("test", deliver, oldest_seconds=0.1)
    outbox.put(event(1))
    wait_until(lambda: outbox.n_lost == 1)
    outbox.put(event(2, age_seconds=1.0))
    outbox.close()
    assert caplog.records[-1].message == "test: 2 not delivered by the end: away"


def test_without_a_failure_the_end_itself_is_the_cause(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(waits=True)
    outbox = Outbox("test", receiver.deliver, abort=receiver.go_on.set)
    outbox.put(event(1))
    assert receiver.begun.wait(10)
    outbox.put(event(2))
    outbox.close(seconds=0.0)
    assert caplog.records[-1].message == "test: 1 not delivered by the end: listening ended first"


def test_a_cause_that_is_in_the_log_already_is_not_logged_again_but_its_end_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries: list[int] = []

    def deliver(event: Event) -> None:
        tries.append(event.position)
        if len(tries) < 3:
            raise ActionError("away", again=True, told=True)

    outbox = Outbox("test", deliver)
    outbox.put(event(1))
    wait_until(lambda: len(tries) == 3)
    outbox.close()
    assert [record.message for record in caplog.records] == ["test works again; 0 not delivered in the meantime"]


def test_what_is_left_behind_counts_as_lost_once(caplog: pytest.LogCaptureFixture) -> None:
    receiver, done = Receiver(waits=True), threading.Event()

    def deliver(event: Event) -> None:
        try:
            receiver.deliver(event)
            raise ActionError("late")
        finally:
            done.set()

    outbox = Outbox("test", deliver)
    outbox.put(event(1))
    assert receiver.begun.wait(10)
    outbox.close(seconds=0.0)
    assert outbox.n_lost == 1
    assert "was abandoned" in caplog.text
    receiver.go_on.set()
    assert done.wait(10)
    outbox.close()
    assert outbox.n_lost == 1


def test_an_event_after_the_end_is_counted_as_lost() -> None:
    receiver = Receiver()
    outbox = Outbox("test", receiver.deliver)
    outbox.close()
    outbox.put(event(1))
    assert (receiver.got, outbox.n_lost) == ([], 1)


def test_a_delivery_may_close_its_own_outbox() -> None:
    done = threading.Event()

    def deliver(_: Event) -> None:
        outbox.close()
        done.set()

    outbox = Outbox("test", deliver)
    outbox.put(event(1))
    assert done.wait(10)
    outbox.close()


def test_several_workers_deliver_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)
    delivered: list[int] = []
    outbox = Outbox("test", lambda _: delivered.append(both.wait()), n_workers=2)
    outbox.put(event(1))
    outbox.put(event(2))
    outbox.close()
    assert sorted(delivered) == [0, 1]  # alone, each would have waited for the other in vain
    assert outbox.n_lost == 0
