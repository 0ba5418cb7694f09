"""A spotter's beginning and end, and calls where they cannot work: an error that says so, never a wait for ever."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import kws_live
from kws_live.errors import ConfigError, SessionError
from kws_live.events import Detection, NearMiss
from kws_live.spotter import Spotter
from kws_live.testing import FakeMicrophone, tone_model
from tests.fakes import EndlessSource

PATIENCE_SECONDS = 30.0


def listening_to(*words: str) -> Spotter:
    return kws_live.listen(FakeMicrophone(words), model=tone_model("yes", "no"))


def endless() -> Spotter:
    return kws_live.listen(EndlessSource(), model=tone_model("yes", "no"))


# Once.


def test_a_start_after_stop_is_an_error_that_says_what_to_do() -> None:
    spotter = listening_to("yes")
    with spotter:
        spotter.wait()
    with pytest.raises(SessionError, match=r"only once; create a new one with kws_live.listen\(\)"):
        spotter.start()
    with pytest.raises(SessionError, match="only once"), spotter:
        pass

    async def enter() -> None:
        async with spotter:
            pass

    with pytest.raises(SessionError, match="only once"):
        asyncio.run(enter())


def test_what_waits_after_the_stop_is_over_at_once() -> None:
    spotter = endless()
    spotter.stop()
    assert spotter.wait()
    assert spotter.wait_for("yes") is None
    assert list(spotter.events()) == []


def test_a_start_may_come_twice() -> None:
    spotter = listening_to("yes")
    spotter.start()
    with spotter:
        spotter.start()
        assert spotter.wait_for("yes")


# Where the program would wait for itself.

WAITS: dict[str, Callable[[Spotter], object]] = {
    "wait": lambda spotter: spotter.wait(),
    "wait_for": lambda spotter: spotter.wait_for("no"),
    "events": lambda spotter: list(spotter.events()),
    "wait_for_async": lambda spotter: asyncio.run(spotter.wait_for_async("no")),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_in_a_callback_is_an_error_and_the_next_word_comes(name: str) -> None:
    errors: list[Exception] = []
    words: list[str] = []
    with listening_to("yes", "no") as spotter:

        @spotter.on
        def answer(detection: Detection) -> None:
            words.append(detection.keyword)
            try:
                WAITS[name](spotter)
            except SessionError as error:
                errors.append(error)

        spotter.wait(PATIENCE_SECONDS)
    assert words == ["yes", "no"]
    assert [str(error).split()[0] for error in errors] == [name, name]
    assert "cannot be called from a callback" in str(errors[0])


@pytest.mark.parametrize("name", ["wait_for", "events"])
def test_the_same_wait_in_the_program_works(name: str) -> None:
    with listening_to("no") as spotter:
        assert WAITS[name](spotter)


def test_a_coroutine_callback_may_await_the_next_word() -> None:
    answers: list[Detection | None] = []

    async def main() -> None:
        async with listening_to("yes", "no") as spotter:

            @spotter.on("yes")
            async def answer(_: Detection) -> None:
                answers.append(await spotter.wait_for_async("no"))

            await asyncio.to_thread(spotter.wait, PATIENCE_SECONDS)
            await asyncio.to_thread(spotter.stop)  # which ends the wait, if the word came before it
            while not answers:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), PATIENCE_SECONDS))
    assert len(answers) == 1


# Time-outs.


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("-inf"), "1"])
def test_a_timeout_that_is_no_time_is_refused(seconds: Any) -> None:
    spotter = endless()
    for call in (spotter.wait, spotter.wait_for):
        with pytest.raises(ConfigError, match="must be 0 or more"):
            call(timeout_seconds=seconds)
    with pytest.raises(ConfigError, match="must be 0 or more"):
        asyncio.run(spotter.wait_for_async(timeout_seconds=seconds))
    spotter.stop()


def test_an_infinite_timeout_is_none() -> None:
    with listening_to("yes", "no") as spotter:
        assert spotter.wait_for("yes", timeout_seconds=float("inf"))
        assert asyncio.run(spotter.wait_for_async("no", timeout_seconds=float("inf")))
        assert spotter.wait(float("inf"))


# How words and functions may be given.


def test_words_may_come_in_a_list_and_the_brackets_may_be_left_out() -> None:
    got: dict[str, list[str]] = {"list": [], "bare": [], "tuple": []}
    with listening_to("yes", "no") as spotter:
        spotter.on(["yes"])(lambda detection: got["list"].append(detection.keyword))
        spotter.on(("yes",), "no")(lambda detection: got["tuple"].append(detection.keyword))

        @spotter.on
        def bare(detection: Detection) -> None:
            got["bare"].append(detection.keyword)

        assert bare.__name__ == "bare"
        with spotter.only(["yes", "no"]):
            found = spotter.wait_for(["yes", "no"])
        assert found is not None
        spotter.wait(PATIENCE_SECONDS)
    assert found.keyword == "yes"
    assert got == {"list": ["yes"], "tuple": ["yes", "no"], "bare": ["yes", "no"]}


@pytest.mark.parametrize("given", [5, None, ["yes", 5]])
def test_what_is_no_word_is_refused(given: Any) -> None:
    spotter = endless()
    for call in (spotter.on, spotter.only, spotter.wait_for):
        with pytest.raises(ConfigError, match="is not a word; give words of the model"):
            call(given)
    with pytest.raises(ConfigError, match="unknown word 'maybe'"):
        spotter.on(["maybe"])
    spotter.stop()


@pytest.mark.parametrize("event", ["detection", int, None])
def test_what_is_no_type_of_event_is_refused(event: Any) -> None:
    spotter = endless()
    with pytest.raises(ConfigError, match="is not an event type"):
        spotter.on(event=event)
    spotter.on(event=NearMiss)(print)
    spotter.stop()


# Coroutines.


def test_a_coroutine_that_waits_can_be_cancelled_and_the_next_one_waits() -> None:
    async def main() -> Detection | None:
        async with endless() as spotter:
            waiting = asyncio.create_task(spotter.wait_for_async("yes"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return await spotter.wait_for_async("yes", timeout_seconds=0.1)

    assert asyncio.run(main()) is None


def test_listening_goes_on_when_the_loop_that_waited_is_gone() -> None:
    microphone = FakeMicrophone()
    with kws_live.listen(microphone, model=tone_model("yes", "no")) as spotter:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # or it would say that the task was destroyed
        waiting = loop.create_task(spotter.wait_for_async("yes"))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()  # with the task pending
        microphone.end_with("yes", "no")
        assert spotter.wait_for("no")
        waiting.get_coro().close()


@pytest.mark.twin("test_a_coroutine_that_waits_can_be_cancelled_and_the_next_one_waits")
def test_the_end_is_told_to_who_waits_in_a_coroutine() -> None:
    async def main() -> Detection | None:
        spotter = endless()
        spotter.start()
        waiting = asyncio.create_task(spotter.wait_for_async("yes"))
        await asyncio.sleep(0)
        await asyncio.to_thread(spotter.stop)
        return await waiting

    assert asyncio.run(main()) is None


def test_stop_during_a_start_ends_what_was_started() -> None:
    for _ in range(20):
        spotter = endless()

        def start(spotter: Spotter = spotter) -> None:
            with suppress(SessionError):  # the stop came first
                spotter.start()

        starting = threading.Thread(target=start)
        starting.start()
        spotter.stop()
        try:
            starting.join(PATIENCE_SECONDS)
            assert not starting.is_alive()
        finally:
            spotter.stop()
        assert spotter.wait(0.0)
