import threading

import pytest
from spoken import wait_until

from kws_live.errors import ActionError
from kws_live.outbox import Outbox


def test_items_are_delivered_in_order() -> None:
    got: list[int] = []
    outbox = Outbox("test", got.append)
    for item in range(100):
        outbox.put(item)
    outbox.close()
    assert got == list(range(100))
    assert outbox.n_lost == 0


def test_put_never_waits_for_a_receiver_that_hangs_and_the_oldest_give_way() -> None:
    hanging, go_on = threading.Event(), threading.Event()
    got: list[int] = []

    def deliver(item: int) -> None:
        hanging.set()
        go_on.wait()
        got.append(item)

    outbox = Outbox("test", deliver, capacity=3)
    outbox.put(0)
    assert hanging.wait(10)
    for item in range(1, 8):
        outbox.put(item)
    go_on.set()
    outbox.close()
    assert got == [0, 5, 6, 7]  # 0 was under way; of 1 to 7 the newest three fit
    assert outbox.n_lost == 4


def test_what_fails_for_now_is_tried_again_before_the_next(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[str] = []

    def deliver(item: str) -> None:
        tries.append(item)
        if len(tries) < 3:
            raise ActionError("the server is away", again=True)

    outbox = Outbox("test", deliver)
    outbox.put("a")
    outbox.put("b")
    wait_until(lambda: "b" in tries)
    outbox.close()
    assert tries == ["a", "a", "a", "b"]
    assert [record.message for record in caplog.records] == ["the server is away; trying again", "test works again"]


@pytest.mark.parametrize("error", [ActionError("refused"), ValueError("a bug")])
def test_what_cannot_work_is_lost_counted_and_logged_and_the_next_goes_on(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[str] = []

    def deliver(item: str) -> None:
        if item == "bad":
            raise error
        got.append(item)

    outbox = Outbox("test", deliver)
    outbox.put("bad")
    outbox.put("good")
    outbox.close()
    assert got == ["good"]
    assert outbox.n_lost == 1
    assert str(error) in caplog.text


def test_a_stale_item_is_not_delivered() -> None:
    got: list[int] = []
    outbox = Outbox("test", got.append, oldest_seconds=-1.0)
    outbox.put(1)
    outbox.close()
    assert got == []
    assert outbox.n_lost == 1


def test_close_gives_up_on_a_receiver_that_is_away_and_says_how_many_are_left(caplog: pytest.LogCaptureFixture) -> None:
    tried, go_on = threading.Event(), threading.Event()

    def deliver(_: int) -> None:
        tried.set()
        go_on.wait()
        raise ActionError("away", again=True)

    outbox = Outbox("test", deliver, abort=go_on.set)
    for item in range(3):
        outbox.put(item)
    assert tried.wait(10)
    outbox.close(seconds=0.0)
    outbox.close()
    assert outbox.n_lost == 3
    assert "2 not delivered before the end" in caplog.text


def test_an_item_after_the_end_is_counted_as_lost() -> None:
    got: list[int] = []
    outbox = Outbox("test", got.append)
    outbox.close()
    outbox.put(1)
    assert (got, outbox.n_lost) == ([], 1)


def test_a_delivery_may_close_its_own_outbox() -> None:
    done = threading.Event()

    def deliver(_: int) -> None:
        outbox.close()
        done.set()

    outbox = Outbox("test", deliver)
    outbox.put(1)
    assert done.wait(10)
    outbox.close()


def test_several_workers_deliver_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)
    outbox: Outbox[int] = Outbox("test", lambda _: both.wait(), n_workers=2)
    outbox.put(1)
    outbox.put(2)
    outbox.close()
    assert outbox.n_lost == 0  # alone, each would have waited for the other in vain
