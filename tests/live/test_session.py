"""The three threads: live equals the pipeline alone; callbacks, sources and threads that misbehave."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import AudioError, SessionError, SourceLostError, SourceUnavailableError
from kws_live.events import AudioSkipped, Detection, Event, EventsDropped, SourceLost, SourceReopened
from kws_live.live import session as session_module
from kws_live.live.session import Session
from kws_live.model import Model
from kws_live.sources import AudioSource
from kws_live.sources.array import ArraySource
from kws_live.spotting.pipeline import HOP_SAMPLES
from tests.fakes import EndlessSource, ScriptedSource, blocks_of, run_blocks, tone_pipeline, tone_words

TALK = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0), ("stop", 5.2)], 6.5)
SPOKEN = ["yes", "no", "stop", "stop"]
PATIENCE_SECONDS = 20.0


def spoken(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


class Run:
    """A session that notes its events."""

    def __init__(
        self,
        source: AudioSource,
        reopen: Callable[[], AudioSource] | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self.events: list[Event] = []
        self.on_event = on_event
        self.pipeline = tone_pipeline()
        self.session = Session(source, self.pipeline, self.deliver, reopen)

    def deliver(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    @property
    def words(self) -> list[str]:
        return [event.keyword for event in self.events if isinstance(event, Detection)]

    def finish(self) -> list[Event]:
        self.session.start()
        assert self.session.wait(PATIENCE_SECONDS)
        return self.events


@pytest.fixture
def stop_afterwards() -> Iterator[list[Session]]:
    sessions: list[Session] = []
    yield sessions
    for session in sessions:
        session.stop()


@pytest.mark.parametrize("block_samples", [100, 1024, 400_000])
def test_live_gives_what_the_pipeline_alone_gives(block_samples: int) -> None:
    """Also with a block longer than the ring buffer."""
    audio = np.tile(TALK, 3)
    tail = np.zeros(SAMPLE_RATE_HZ, np.float32)
    alone = run_blocks(tone_pipeline(), [*(block[:, 0] for block in blocks_of(audio, 1000)), tail])
    run = Run(ArraySource(audio, SAMPLE_RATE_HZ, block_samples, name="test"))
    assert run.finish() == alone
    assert spoken(alone) == 3 * SPOKEN
    figures = run.session.statistics()
    assert figures.samples_skipped == 0
    assert figures.audio_seconds == pytest.approx((audio.size + tail.size) / SAMPLE_RATE_HZ)
    assert figures.hops == run.pipeline.counts.hops > 240
    assert figures.hops_scored_twice == 0
    assert "two networks" not in dict(figures.rows())["scored"]


def test_the_statistics_say_how_often_a_second_network_was_asked(verified_model: Model, demo_audio: Samples) -> None:
    pipeline = make_pipeline(verified_model, make_settings(verified_model))
    session = Session(ArraySource(demo_audio, SAMPLE_RATE_HZ, name="test"), pipeline, lambda event: None)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    figures = session.statistics()
    assert 0 < figures.hops_scored_twice == pipeline.counts.hops_scored_twice < figures.hops_scored
    assert f"hops, {figures.hops_scored_twice} of them by two networks;" in dict(figures.rows())["scored"]


def test_a_callback_that_hangs_delays_no_detection_and_loses_no_audio() -> None:
    release, hangs = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        hangs.set()
        assert release.wait(PATIENCE_SECONDS)

    run = Run(ArraySource(np.tile(TALK, 4), SAMPLE_RATE_HZ, name="test"), on_event=hang)
    run.session.start()
    assert hangs.wait(PATIENCE_SECONDS)
    run.session.threads[1].join(PATIENCE_SECONDS)  # the detector comes to the end of the audio all the same
    assert not run.session.threads[1].is_alive()
    assert len(run.events) == 1
    release.set()
    assert run.session.wait(PATIENCE_SECONDS)
    assert spoken(run.events) == 4 * SPOKEN
    assert run.session.statistics().samples_skipped == 0


@pytest.mark.parametrize("largest", [1, 5])
def test_events_too_many_for_a_slow_callback_are_dropped_counted_and_announced(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LARGEST_BACKLOG", largest)
    release = threading.Event()
    run = Run(
        ArraySource(np.tile(TALK, 4), SAMPLE_RATE_HZ, name="test"),
        on_event=lambda event: assert_true(release.wait(PATIENCE_SECONDS)),
    )
    run.session.start()
    run.session.threads[1].join(PATIENCE_SECONDS)
    release.set()
    assert run.session.wait(PATIENCE_SECONDS)
    n_dropped = sum(event.n_events for event in run.events if isinstance(event, EventsDropped))
    n_delivered = sum(not isinstance(event, EventsDropped) for event in run.events)
    n_total = len(
        run_blocks(tone_pipeline(), [*(b[:, 0] for b in blocks_of(np.tile(TALK, 4))), np.zeros(22_050, np.float32)])
    )
    assert n_dropped == run.session.statistics().events_dropped > 0
    assert n_dropped + n_delivered == n_total


def assert_true(value: bool) -> None:
    assert value


# Stopping.


def test_stop_ends_every_thread_and_may_come_twice(stop_afterwards: list[Session]) -> None:
    source = EndlessSource()
    run = Run(source)
    stop_afterwards.append(run.session)
    run.session.start()
    assert run.session.running
    run.session.stop()
    run.session.stop()
    assert not run.session.running
    assert not any(thread.is_alive() for thread in run.session.threads)
    assert source.closed.is_set()
    assert run.session.wait(0.0)


def test_stop_from_inside_a_callback_ends_the_session() -> None:
    run = Run(ArraySource(np.tile(TALK, 20), SAMPLE_RATE_HZ))
    run.on_event = lambda event: run.session.stop() if isinstance(event, Detection) else None
    events = run.finish()
    assert 1 <= len(spoken(events)) < 80
    run.session.stop()


def test_stop_from_the_detector_ends_the_session() -> None:
    run = Run(ArraySource(np.tile(TALK, 20), SAMPLE_RATE_HZ))
    run.session.watch(lambda step: run.session.stop() if step.events else None)
    run.finish()
    run.session.stop()


def test_stop_before_the_start_closes_the_source() -> None:
    source = ScriptedSource([])
    run = Run(source)
    run.session.stop()
    assert source.n_closed == 1
    assert run.session.wait(0.0)


def test_stop_after_a_start_that_was_interrupted_ends_what_had_begun() -> None:
    """A signal may come between the starts of two threads."""
    source = EndlessSource()
    run = Run(source)
    run.session.threads[0].start()
    run.session.stop()
    assert source.closed.is_set()
    assert not run.session.running


def test_a_session_starts_once() -> None:
    run = Run(ArraySource(TALK, SAMPLE_RATE_HZ))
    run.finish()
    with pytest.raises(SessionError, match="started before; make a new one"):
        run.session.start()


def test_stop_leaves_a_hanging_callback_behind_and_it_is_called_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "HANGING_CALLBACK_SECONDS", 0.01)
    release, hangs = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        hangs.set()
        release.wait(PATIENCE_SECONDS)

    run = Run(ArraySource(np.tile(TALK, 4), SAMPLE_RATE_HZ), on_event=hang)
    run.session.start()
    assert hangs.wait(PATIENCE_SECONDS)
    run.session.threads[1].join(PATIENCE_SECONDS)
    run.session.stop()
    assert not run.session.running
    release.set()
    run.session.threads[2].join(PATIENCE_SECONDS)
    assert len(run.events) == 1


def test_wait_says_false_at_its_time_out(stop_afterwards: list[Session]) -> None:
    run = Run(EndlessSource())
    stop_afterwards.append(run.session)
    run.session.start()
    assert not run.session.wait(0.01)
    assert run.session.running


# Sources that break.


@pytest.mark.parametrize("error", [AudioError("'x' breaks off at 6.50 s"), SourceLostError("went away")])
def test_a_source_that_breaks_ends_the_session_after_what_it_gave(error: Exception) -> None:
    source = ScriptedSource([*blocks_of(TALK), error])
    run = Run(source)
    run.session.start()
    with pytest.raises(type(error), match=str(error)):
        run.session.wait(PATIENCE_SECONDS)
    assert spoken(run.events) == SPOKEN
    assert source.n_closed == 1


def test_an_error_of_another_kind_is_a_session_error_that_names_it() -> None:
    run = Run(ScriptedSource([*blocks_of(TALK), ZeroDivisionError("a driver's mistake")]))
    run.session.start()
    with pytest.raises(SessionError, match="ZeroDivisionError: a driver's mistake") as caught:
        run.session.wait(PATIENCE_SECONDS)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_source_that_fails_to_close_ends_the_session_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(ScriptedSource):
        def close(self) -> None:
            raise OSError("stuck")

    assert spoken(Run(Stubborn(blocks_of(TALK))).finish()) == SPOKEN
    assert "failed to close" in caplog.text


def test_a_detector_that_breaks_ends_the_session_and_closes_the_source() -> None:
    def score(window: object) -> None:
        raise MemoryError("the network")

    source = EndlessSource()
    session = Session(source, tone_pipeline(score=score), lambda event: None)  # type: ignore[arg-type]
    session.start()
    with pytest.raises(SessionError, match="MemoryError: the network"):
        session.wait(PATIENCE_SECONDS)
    session.stop()
    assert source.closed.is_set()


def test_a_lost_source_is_opened_again_and_the_time_between_is_a_gap() -> None:
    tries = []

    def reopen() -> AudioSource:
        tries.append(1)
        if len(tries) < 3:
            raise SourceUnavailableError("not yet")
        return ScriptedSource(blocks_of(TALK))

    first = ScriptedSource([*blocks_of(TALK), SourceLostError("pulled out")])
    run = Run(first, reopen)
    events = run.finish()
    assert spoken(events) == 2 * SPOKEN
    assert len(tries) == 3
    assert first.n_closed >= 1
    kinds = [type(e) for e in events if isinstance(e, (SourceLost, SourceReopened))]
    assert kinds == [SourceLost, SourceReopened]
    (lost,) = [event for event in events if isinstance(event, SourceLost)]
    (back,) = [event for event in events if isinstance(event, SourceReopened)]
    (skipped,) = [event for event in events if isinstance(event, AudioSkipped)]
    assert "pulled out" in lost.reason
    assert back.lost_seconds > 0
    # In whole samples the gap is as long as the source was away; a source lost before its hop was full is cut there.
    assert back.position - lost.position >= skipped.n_samples - 2 * HOP_SAMPLES
    second_yes = [event for event in events if isinstance(event, Detection)][4]
    assert second_yes.seconds - back.seconds < 2.0


def test_overflows_of_a_lost_source_are_counted_once() -> None:
    lost = ScriptedSource([*blocks_of(TALK), SourceLostError("pulled out")])
    lost.n_overflows = 3
    back = ScriptedSource(blocks_of(TALK))
    back.n_overflows = 2
    run = Run(lost, lambda: back)
    run.finish()
    assert run.session.statistics().n_overflows == 5


def test_stop_ends_the_wait_for_a_lost_source() -> None:
    def reopen() -> AudioSource:
        raise SourceUnavailableError("never")

    lost = threading.Event()
    run = Run(ScriptedSource([SourceLostError("gone")], live=True), reopen)
    run.on_event = lambda event: lost.set()
    run.session.start()
    assert lost.wait(PATIENCE_SECONDS)
    run.session.stop()
    assert not any(thread.is_alive() for thread in run.session.threads)


def test_the_source_can_be_changed_while_listening_and_no_window_holds_both() -> None:
    first = EndlessSource()
    run = Run(first)
    run.session.start()
    second = ScriptedSource(blocks_of(TALK))
    run.session.change_source(second)
    assert run.session.wait(PATIENCE_SECONDS)
    assert spoken(run.events) == SPOKEN
    assert first.closed.is_set()
    assert second.n_closed == 1
    third = ScriptedSource([])
    with pytest.raises(SessionError, match="listening has ended"):
        run.session.change_source(third)
    assert third.n_closed == 1


def test_watchers_see_every_hop_until_they_are_let_go() -> None:
    run = Run(ArraySource(TALK, SAMPLE_RATE_HZ))
    seen: list[int] = []
    unwatch = run.session.watch(lambda step: seen.append(1))
    run.session.watch(lambda step: unwatch() if len(seen) == 10 else None)
    run.finish()
    assert len(seen) == 10


def test_one_source_serves_one_session_at_a_time() -> None:
    source = EndlessSource()
    first, second = Run(source), Run(source)
    first.session.start()
    with pytest.raises(SessionError, match="listened to already"):
        second.session.start()
    first.session.stop()
    again = Run(source)  # it was closed, and may say so; but no other thread reads it
    again.session.start()
    again.session.stop()


def test_words_of_a_recording_read_fast_have_no_age_however_long_it_takes() -> None:
    run = Run(ScriptedSource(blocks_of(np.tile(TALK, 3))))
    ages = [event.heard_at for event in run.finish() if isinstance(event, Detection)]
    assert len(ages) > 8
    assert ages[-4:] == [None] * 4


def test_at_its_end_a_source_that_is_to_be_followed_waits_and_the_next_one_is_heard_whole() -> None:
    once = Run(ArraySource(TALK, SAMPLE_RATE_HZ))
    once.finish()
    expected = once.words
    assert expected
    run = Run(ArraySource(TALK, SAMPLE_RATE_HZ))
    run.session.capture.stay()
    run.session.start()
    for n_rounds in (1, 2, 3):
        while len(run.words) < n_rounds * len(expected) or not run.session.capture.has_ended:
            assert not run.session.wait(0.01)
        run.session.change_source(ArraySource(TALK, SAMPLE_RATE_HZ))
    run.session.stop()
    assert run.words[: 3 * len(expected)] == 3 * expected
