"""Waiting for a word: in a thread, or in a coroutine."""

import asyncio
import math
import queue
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.live.audience import Answer, Audience, Wait
from kws_live.live.capture import POLL_SECONDS
from kws_live.live.stream_clock import FollowsClock
from kws_live.sources import AudioSource
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.interrupts import shielded

Words = str | Iterable[str]
Begin = Callable[[Answer], Wait]


def wait_in_thread(begin: Begin, limit_seconds: float) -> Detection | None:
    """Wait for a word; None at the time-out. ``begin`` starts the wait with the function to call with the answer."""
    answers: queue.SimpleQueue[Detection | None] = queue.SimpleQueue()
    wait = shielded(lambda: begin(answers.put))
    try:
        end = time.monotonic() + limit_seconds
        while True:  # in slices, because a wait without end cannot be interrupted by Ctrl-C on Windows
            with suppress(queue.Empty):
                return answers.get(timeout=max(0.0, min(POLL_SECONDS, end - time.monotonic())))
            if time.monotonic() >= end:
                return None
    finally:
        shielded(wait.end)


async def wait_on_loop(begin: Begin, limit_seconds: float) -> Detection | None:
    """`wait_in_thread` without blocking the event loop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Detection | None] = loop.create_future()

    def resolve(detection: Detection | None) -> None:
        if not future.done():
            future.set_result(detection)

    def answer(detection: Detection | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(resolve, detection)

    wait = shielded(lambda: begin(answer))
    try:
        return await asyncio.wait_for(future, None if limit_seconds == math.inf else limit_seconds)
    except TimeoutError:
        return None
    finally:
        shielded(wait.end)


def flat(keywords: Iterable[Words]) -> tuple[str, ...]:
    """Flatten words given one by one or in lists to one tuple.

    Raises
    ------
    ConfigError
        If one of them is not a word.
    """
    words: list[str] = []
    for given in keywords:
        some = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [None]
        if not all(isinstance(word, str) for word in some):
            raise ConfigError(f"{given!r} is not a word; give words of the model, such as 'yes', 'no'")
        words += map(str, some)
    return tuple(words)


def checked_timeout(timeout_seconds: float | None) -> float | None:
    """Check a time-out; None: no limit.

    Raises
    ------
    ConfigError
        If it is not 0 or more.
    """
    if timeout_seconds is None or timeout_seconds == math.inf:
        return None
    if not isinstance(timeout_seconds, (int, float)) or not timeout_seconds >= 0.0:  # also rejects NaN
        raise ConfigError(f"timeout_seconds={timeout_seconds!r} must be 0 or more; None waits without a limit")
    return timeout_seconds


def prepared(
    words: tuple[str, ...],
    timeout_seconds: float | None,
    source: AudioSource,
    ring: RingBuffer,
    audience: Audience,
    go_on: Callable[[], object],
) -> tuple[Begin, float]:
    """Return a function that starts a wait for some words and the listening, and the time limit by the clock.

    There is no limit if the source waits for the program. Raises like `checked_timeout`.
    """
    timeout = checked_timeout(timeout_seconds)

    def begin(answer: Answer) -> Wait:
        until = None if timeout is None else ring.position + round(timeout * SAMPLE_RATE_HZ)
        wait = audience.add_wait(words, until, answer)
        go_on()
        return wait

    return begin, math.inf if timeout is None or isinstance(source, FollowsClock) else timeout + 1.0
