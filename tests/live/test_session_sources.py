"""Sources that break, are lost, changed or followed while a session listens."""

import threading

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import AudioError, SessionError, SourceLostError, SourceUnavailableError
from kws_live.events import AudioSkipped, Detection, SourceLost, SourceReopened
from kws_live.live.session import Session
from kws_live.sources import AudioSource
from kws_live.sources.array import ArraySource
from kws_live.spotting.pipeline import HOP_SAMPLES
from tests.fakes import EndlessSource, ScriptedSource, blocks_of, tone_pipeline
from tests.live.noting_session import PATIENCE_SECONDS, SPOKEN, TALK, Run, spoken


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


def test_one_source_serves_one_session_at_a_time() -> None:
    source = EndlessSource()
    first, second = Run(source), Run(source)
    first.session.start()
    with pytest.raises(SessionError, match="already in use"):
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
