"""Never deaf: gaps and losses with any number of samples unread, sources and callbacks that hang."""

import threading
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.errors import AudioGapError, SourceLostError
from kws_live.events import Detection, Event, Health, SourceLost, SourceReopened
from kws_live.live import liveness
from kws_live.live.audience import Audience
from kws_live.live.session import RING_SECONDS, Session
from kws_live.live.stream_clock import StreamClock
from kws_live.sources import AudioSource
from kws_live.spotting.pipeline import HOP_SAMPLES, LAG_SAMPLES, QUIET_HOPS, Step
from kws_live.stream.findings import Finding
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import EndlessSource, ScriptedSource, blocks_of, tone_pipeline, tone_words

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60.0
STILL_SECONDS = 2.5
AFTERWARDS = tone_words([("yes", 1.0)], 2.5)
QUIET = np.random.default_rng(0).normal(0, 1e-4, round(RING_SECONDS * SAMPLE_RATE_HZ)).astype(np.float32)
SPEECH = tone_words([("no", 0.2 + 0.6 * k) for k in range(16)], RING_SECONDS)
ENOUGH = (QUIET_HOPS + 1) * HOP_SAMPLES + LAG_SAMPLES
"""More than this never waits to be looked at."""

Break = Literal["short gap", "long gap", "loss"]


def test_at_a_gap_a_reader_gets_on_whatever_is_unread_and_whatever_it_waits_for() -> None:
    for n_unread in range(round(RING_SECONDS * 100) // 2 + 1):  # a hundredth of the ring buffer: every number
        for wanted in (1, 60, 300, 10_000):
            ring = RingBuffer(round(RING_SECONDS * 100))
            ring.write(np.ones(n_unread, np.float32))
            ring.skip(20_000)
            assert ring.wait(wanted, 0.0), (n_unread, wanted)
            at, before = ring.read_on(0, 10_000)
            after, _ = ring.read_on(at + before.size, 10_000)
            assert (before.size, after) == (n_unread, n_unread + 20_000)


def run(first: Sequence[Block | Exception], reopen: Callable[[], AudioSource] | None) -> list[Event]:
    events: list[Event] = []
    session = Session(ScriptedSource(first), tone_pipeline(open_gate=False), events.append, reopen)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    return events


@pytest.mark.parametrize("is_quiet", [True, False], ids=["quiet", "speech"])
@pytest.mark.parametrize("how", ["short gap", "long gap", "loss"])
def test_words_are_heard_after_a_break_whatever_was_unread_before_it(how: Break, is_quiet: bool) -> None:
    room = QUIET if is_quiet else SPEECH
    # Every place in a hop and beyond; the detector's own speed makes it another number of unread samples each time.
    for n_before in [*range(1, ENOUGH, 1201), *range(ENOUGH, room.size // 2, 40_000)]:
        before = blocks_of(room[:n_before], 1323)
        if how == "loss":
            events = run([*before, SourceLostError("gone")], lambda: ScriptedSource(blocks_of(AFTERWARDS)))
            kinds = [type(event) for event in events if isinstance(event, (SourceLost, SourceReopened))]
            assert kinds == [SourceLost, SourceReopened]
        else:
            gap = AudioGapError(20.0 if how == "long gap" else 0.5)
            events = run([*before, gap, *blocks_of(AFTERWARDS)], None)
        words = [event.keyword for event in events if isinstance(event, Detection)]
        assert words[-1:] == ["yes"], n_before


class Hanging(EndlessSource):
    """A source whose third read does not come back until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self._n_reads = 0

    def read(self, timeout_seconds: float) -> Block | None:
        self._n_reads += 1
        if self._n_reads == 3:
            self.let_go.wait(PATIENCE_SECONDS)
        return super().read(timeout_seconds)


class Ear:
    """Notes events; `until` waits for one of them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def until(self, fits: Callable[[Event], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(fits, self.events)), PATIENCE_SECONDS)


def is_finding(name: str, over: bool = False) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Health) and (event.finding, event.over) == (name, over)


def test_a_source_that_hangs_is_told_of_and_opened_again_on_another_thread() -> None:
    hanging, ear, opened = Hanging(), Ear(), list[AudioSource]()

    def reopen() -> AudioSource:
        opened.append(ScriptedSource(blocks_of(AFTERWARDS), live=True))
        return opened[-1]

    before = set(threading.enumerate())
    session = Session(hanging, tone_pipeline(), ear, reopen, still_seconds=STILL_SECONDS)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    assert [event.keyword for event in ear.events if isinstance(event, Detection)] == ["yes"]
    ear.until(is_finding("source_hangs"))
    assert [type(event) for event in ear.events if isinstance(event, (SourceLost, SourceReopened))] == [
        SourceLost,
        SourceReopened,
    ]
    hanging.let_go.set()
    session.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    assert hanging.closed.is_set(), "what hung is closed as soon as it answers"


def test_a_source_that_cannot_be_opened_again_is_told_of_when_it_hangs_and_when_it_moves() -> None:
    hanging, ear = Hanging(), Ear()
    session = Session(hanging, tone_pipeline(), ear, still_seconds=STILL_SECONDS)
    session.start()
    ear.until(is_finding("source_hangs"))
    hanging.let_go.set()
    ear.until(is_finding("source_hangs", over=True))
    session.stop()
    assert not any(thread.is_alive() for thread in session.threads)


class Silent(EndlessSource):
    """A live source that gives audio while it is told to."""

    def __init__(self, speaks: bool = False) -> None:
        super().__init__()
        self.speaks = threading.Event()
        if speaks:
            self.speaks.set()

    def read(self, timeout_seconds: float) -> Block | None:
        block = super().read(timeout_seconds)
        return block if block is None or self.speaks.is_set() else block[:0]


def test_a_live_source_that_gives_no_audio_is_lost_and_back_only_when_it_does() -> None:
    ear, opened = Ear(), list[Silent]()

    def reopen() -> AudioSource:
        opened.append(Silent(speaks=len(opened) == 1))  # the first one opens, and gives nothing either
        return opened[-1]

    first = Silent()
    session = Session(first, tone_pipeline(), ear, reopen, still_seconds=STILL_SECONDS)
    session.start()
    ear.until(lambda event: isinstance(event, SourceReopened))
    session.stop()
    assert len(opened) == 2
    assert first.closed.is_set()
    assert opened[0].closed.is_set()
    kinds = [type(event) for event in ear.events if isinstance(event, (SourceLost, SourceReopened))]
    assert kinds == [SourceLost, SourceReopened]
    lost = next(event for event in ear.events if isinstance(event, SourceLost))
    assert "delivered no audio" in lost.reason


def test_a_silent_source_that_cannot_be_opened_again_is_told_of_and_that_it_is_back() -> None:
    ear, source = Ear(), Silent()
    session = Session(source, tone_pipeline(), ear, still_seconds=STILL_SECONDS)
    session.start()
    ear.until(is_finding("no_audio"))
    source.speaks.set()
    ear.until(is_finding("no_audio", over=True))
    session.stop()


def test_while_a_source_is_away_or_silent_another_one_can_take_its_place() -> None:
    def never() -> AudioSource:
        raise RuntimeError("a plug-in's fault")

    for first, reopen in (
        (ScriptedSource([SourceLostError("gone")], live=True), never),
        (ScriptedSource([SourceLostError("gone")], live=True), Silent),
    ):
        ear = Ear()
        session = Session(first, tone_pipeline(), ear, reopen)
        session.start()
        ear.until(lambda event: isinstance(event, SourceLost))
        session.change_source(ScriptedSource(blocks_of(AFTERWARDS)))
        assert session.wait(PATIENCE_SECONDS)
        assert [event.keyword for event in ear.events if isinstance(event, Detection)] == ["yes"]


def test_a_detector_that_hangs_is_told_of() -> None:
    ear, let_go = Ear(), threading.Event()

    def hang(step: Step) -> None:
        let_go.wait(PATIENCE_SECONDS)

    session = Session(EndlessSource(), tone_pipeline(), ear, None, hang, still_seconds=STILL_SECONDS)
    session.start()
    ear.until(is_finding("detector_hangs"))
    let_go.set()
    ear.until(is_finding("detector_hangs", over=True))
    session.stop()


def test_a_callback_that_does_not_return_is_told_of_to_the_others() -> None:
    ear, let_go, called = Ear(), threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        called.set()
        let_go.wait(PATIENCE_SECONDS)

    audience = Audience(StreamClock(0))
    audience.add_callback(Detection, (), hang)
    audience.add_callback(Event, (), ear)
    talk = [*blocks_of(AFTERWARDS), *[np.zeros((0, 1), np.float32)] * 10**6]
    session = Session(
        ScriptedSource(talk),
        tone_pipeline(),
        audience.deliver,
        audience=audience,
        still_seconds=STILL_SECONDS,
    )
    session.start()
    ear.until(is_finding("callback_hangs"))
    assert called.is_set()
    let_go.set()
    ear.until(is_finding("callback_hangs", over=True))
    session.stop()
    audience.close()


@pytest.mark.twin("test_a_detector_that_hangs_is_told_of")
def test_a_session_that_moves_is_not_told_to_stand_still() -> None:
    ear = Ear()
    session = Session(EndlessSource(), tone_pipeline(), ear, still_seconds=STILL_SECONDS)
    session.start()
    session.ended.wait(2 * STILL_SECONDS)
    session.stop()
    assert not [event for event in ear.events if isinstance(event, Health) and event.finding.endswith("_hangs")]


def test_what_stands_still_is_told_once_and_once_that_it_moves() -> None:
    told: list[tuple[str, bool]] = []
    watch = liveness.Liveness(lambda finding, over: told.append((finding.name, over)))
    looks = [watch.is_still("source", 1.0) for _ in range(liveness.LOOKS + 3)]
    assert looks == [False] * liveness.LOOKS + [True] * 3
    assert not watch.is_still("source", 2.0)
    assert told == [("source_hangs", False), ("source_hangs", True)]


@pytest.mark.twin("test_what_stands_still_is_told_once_and_once_that_it_moves")
def test_what_has_nothing_to_do_or_was_stopped_for_long_does_not_stand_still() -> None:
    told: list[str] = []
    watch = liveness.Liveness(lambda finding, over: told.append(finding.name))
    for look in range(5 * liveness.LOOKS):
        assert not watch.is_still("dispatcher", None)
        assert not watch.is_still("detector", 1e6 * look)  # ages between two looks: the program was stopped
    assert told == []


def test_what_opens_a_source_has_longer() -> None:
    watch = liveness.Liveness(lambda finding, over: None)
    looks = [watch.is_still("source", 1.0, opens=True) for _ in range(4 * liveness.LOOKS + 1)]
    assert looks == [False] * (4 * liveness.LOOKS) + [True]


def test_every_part_that_can_stand_still_has_advice() -> None:
    for name in ("source", "detector", "dispatcher", "callback"):
        assert Finding(f"{name}_hangs", "").advice
