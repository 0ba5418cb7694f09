"""A source that goes and comes back: what is kept, what is told, what is counted."""

import re
import threading
from collections.abc import Callable

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import AudioGapError, SourceLostError, SourceUnavailableError
from kws_live.events import AudioSkipped, Detection, Event, Health, SourceLost, SourceReopened
from kws_live.live.live_settings import LiveSettings
from kws_live.live.session import Session
from kws_live.sources import SCHEMES, AudioSource, open_source, reopen_source
from kws_live.spotting.pipeline import HOP_SAMPLES
from tests.fakes import ScriptedSource, blocks_of, decision_settings, tone_pipeline, tone_words

PATIENCE_SECONDS = 60.0
TALK = tone_words([("yes", 1.0), ("no", 2.5)], 4.0)


def listen(source: AudioSource, reopen: Callable[[], AudioSource] | None = None) -> tuple[list[Event], Session]:
    """All the events of a session that runs to its end."""
    events: list[Event] = []
    session = Session(source, tone_pipeline(), events.append, reopen)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    return events, session


def words(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


def test_a_word_cut_off_by_the_loss_is_not_put_together_with_what_comes_after() -> None:
    # The tone of "yes", cut after its first half: neither half alone is a word, and together they would be.
    half = round(1.2 * SAMPLE_RATE_HZ)
    whole = tone_words([("yes", 1.0)], 3.0)
    assert words(listen(ScriptedSource(blocks_of(whole)))[0]) == ["yes"]
    first = ScriptedSource([*blocks_of(whole[:half]), SourceLostError("pulled out")])
    events, _ = listen(first, lambda: ScriptedSource(blocks_of(whole[half:])))
    assert words(events) == []


@pytest.mark.parametrize("seconds", [0.0, 0.5, 3600.0, 30 * 3600.0])
def test_a_gap_the_source_tells_of_takes_up_its_time_and_no_window_spans_it(seconds: float) -> None:
    source = ScriptedSource([*blocks_of(TALK), AudioGapError(seconds), *blocks_of(TALK)])
    events, session = listen(source)
    assert words(events) == ["yes", "no", "yes", "no"]
    n_lost = max(1, round(seconds * SAMPLE_RATE_HZ))
    (skipped,) = [event for event in events if isinstance(event, AudioSkipped)]
    assert skipped.position == TALK.size + n_lost
    assert session.ring.position == 2 * TALK.size + n_lost + SAMPLE_RATE_HZ
    # A long gap may push out the unfinished hop before it, but no whole one.
    assert n_lost <= skipped.n_samples <= n_lost + 2 * HOP_SAMPLES
    assert session.statistics().samples_skipped == skipped.n_samples
    first, second = [event.position for event in events if isinstance(event, Detection) and event.keyword == "yes"]
    assert abs(second - first - TALK.size - n_lost) <= HOP_SAMPLES


def test_thresholds_and_callbacks_are_kept_over_a_loss() -> None:
    settings = LiveSettings(decision_settings())
    events: list[Event] = []
    heard_no = threading.Event()

    def note(event: Event) -> None:
        events.append(event)
        if words([event]) == ["no"]:
            heard_no.set()

    def reopen() -> AudioSource:
        assert heard_no.wait(PATIENCE_SECONDS)
        settings.set_threshold("yes", 1.0)  # from now on no "yes" passes
        return ScriptedSource(blocks_of(TALK))

    first = ScriptedSource([*blocks_of(TALK), SourceLostError("pulled out")])
    session = Session(first, tone_pipeline(settings), note, reopen)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    assert words(events) == ["yes", "no", "no"]


def test_a_source_that_opens_and_stays_dumb_is_not_back() -> None:
    dumb = ScriptedSource([SourceLostError("not a sound")], live=True)
    tries: list[AudioSource] = [dumb, ScriptedSource(blocks_of(TALK))]
    first = ScriptedSource([*blocks_of(TALK), SourceLostError("pulled out")])
    events, session = listen(first, lambda: tries.pop(0))
    assert [type(event) for event in events if isinstance(event, (SourceLost, SourceReopened))] == [
        SourceLost,
        SourceReopened,
    ]
    assert dumb.n_closed == 1
    assert session.statistics().n_lost == 1


@pytest.mark.slow
def test_fifty_losses_are_counted_and_leave_no_thread_behind() -> None:
    block = np.zeros((HOP_SAMPLES, 1), np.float32)
    left = 50

    def reopen() -> AudioSource:
        nonlocal left
        left -= 1
        return ScriptedSource([block, SourceLostError("again")] if left else [block])

    before = threading.active_count()
    events, session = listen(ScriptedSource([block, SourceLostError("once")]), reopen)
    session.stop()
    lost = [event for event in events if isinstance(event, SourceLost)]
    back = [event for event in events if isinstance(event, SourceReopened)]
    assert len(lost) == len(back) == session.statistics().n_lost == 50
    assert session.statistics().lost_seconds == pytest.approx(sum(event.lost_seconds for event in back))
    assert threading.active_count() == before


def test_events_after_a_fall_over_name_the_source_they_come_from() -> None:
    class Second(ScriptedSource):
        name = "second"

    first = ScriptedSource([*blocks_of(TALK), SourceLostError("pulled out")])
    events, _ = listen(first, lambda: Second(blocks_of(TALK)))
    assert [event.source for event in events if isinstance(event, Detection)][2:] == ["second", "second"]


def test_findings_of_a_live_source_are_told_while_listening() -> None:
    silence = np.zeros((SAMPLE_RATE_HZ, 1), np.float32)
    events, _ = listen(ScriptedSource([silence] * 6, live=True))
    (finding,) = [event for event in events if isinstance(event, Health) and event.finding == "zeros"]
    assert not finding.over
    assert finding.advice
    assert finding.to_dict()["type"] == "health"


def test_a_name_that_two_devices_have_is_told_at_the_start() -> None:
    source = ScriptedSource([])
    source.n_namesakes = 1  # type: ignore[attr-defined]
    events, _ = listen(source)
    assert [event.finding for event in events if isinstance(event, Health)] == ["same_name"]


class _Microphones:
    """Stands in for the scheme mic: which names can be opened, and which were tried."""

    def __init__(self, there: set[str]) -> None:
        self.there = there
        self.tried: list[str] = []

    def __call__(self, rest: str, paced: bool) -> AudioSource:
        self.tried.append(rest)
        if rest not in self.there:
            raise SourceUnavailableError(f"no microphone {rest!r}")
        source = ScriptedSource([])
        source.name = rest or "default"
        return source


@pytest.fixture
def microphones(monkeypatch: pytest.MonkeyPatch) -> _Microphones:
    found = _Microphones({"", "USB", "Desk, left"})
    monkeypatch.setitem(SCHEMES, "mic", found)
    return found


def test_of_several_microphones_the_first_that_is_there_is_opened(microphones: _Microphones) -> None:
    assert open_source("mic:Gone,mic:USB,mic:").name == "USB"
    assert microphones.tried == ["Gone", "USB"]
    microphones.there -= {"USB"}
    assert reopen_source("mic:Gone,mic:USB,mic:", "USB").name == "default"


def test_a_comma_in_a_name_is_part_of_it(microphones: _Microphones) -> None:
    assert open_source("mic:Desk, left").name == "Desk, left"


def test_where_none_is_there_every_reason_is_told(microphones: _Microphones) -> None:
    with pytest.raises(SourceUnavailableError, match=re.escape("no microphone 'A'; no microphone 'B'")):
        open_source("mic:A,mic:B")


def test_numbers_among_several_microphones_are_refused(microphones: _Microphones) -> None:
    with pytest.raises(SourceUnavailableError, match="by name"):
        open_source("mic:3,mic:USB")


@pytest.mark.parametrize(
    ("source", "name", "tried"),
    [
        ("mic:3", "USB", ["USB"]),
        ("mic:", "USB", ["USB"]),
        ("mic:", "Gone", ["Gone", ""]),
        ("mic:USB", "USB Audio", ["USB"]),
    ],
)
def test_a_microphone_comes_back_by_name_not_by_number(
    microphones: _Microphones, source: str, name: str, tried: list[str]
) -> None:
    reopen_source(source, name)
    assert microphones.tried == tried


def test_a_numbered_microphone_that_is_gone_is_not_replaced_by_another(microphones: _Microphones) -> None:
    with pytest.raises(SourceUnavailableError):
        reopen_source("mic:3", "Gone")


def test_a_recorder_that_is_muted_behind_a_pipe_is_told_of() -> None:
    class Pipe(ScriptedSource):
        watched = True

    zeros = np.zeros((SAMPLE_RATE_HZ, 1), np.float32)
    for kind, found in ((Pipe, ["zeros"]), (ScriptedSource, [])):
        events: list[Event] = []
        session = Session(kind([zeros] * 6), tone_pipeline(), events.append)
        session.start()
        assert session.wait(20)
        assert [event.finding for event in events if isinstance(event, Health)] == found
