"""The three threads: live equals the pipeline alone, and stopping ends them; callbacks that are slow or hang."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import SessionError
from kws_live.events import Detection, Event, EventsDropped
from kws_live.live import session as session_module
from kws_live.live.session import Session
from kws_live.model import Model
from kws_live.sources.array import ArraySource
from tests.fakes import EndlessSource, ScriptedSource, blocks_of, run_blocks, tone_pipeline
from tests.live.noting_session import PATIENCE_SECONDS, SPOKEN, TALK, Run, spoken


@pytest.fixture
def stop_afterwards() -> Iterator[list[Session]]:
    sessions: list[Session] = []
    yield sessions
    for session in sessions:
        session.stop()


@pytest.mark.slow
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


@pytest.mark.slow
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
    with pytest.raises(SessionError, match="already started; create a new one"):
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


def test_watchers_see_every_hop_until_they_are_let_go() -> None:
    run = Run(ArraySource(TALK, SAMPLE_RATE_HZ))
    seen: list[int] = []
    unwatch = run.session.watch(lambda step: seen.append(1))
    run.session.watch(lambda step: unwatch() if len(seen) == 10 else None)
    run.finish()
    assert len(seen) == 10
