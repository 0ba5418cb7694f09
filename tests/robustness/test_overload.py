"""A machine, a model or a disk that is too slow: the delay stays bounded, the oldest goes, and it is said."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, Block, Samples
from kws_live.events import AudioSkipped, Detection, Event, EventsDropped, Health, SpeechStarted
from kws_live.live.event_queue import EventQueue
from kws_live.live.overload import CALM_SECONDS, LARGEST_DELAY_SECONDS
from kws_live.live.session import Session
from kws_live.spotting.pipeline import HOP_SAMPLES, Pipeline
from tests.fakes import LABELS, ScriptedSource, blocks_of, tone_pipeline, tone_posteriors, tone_words

PATIENCE_SECONDS = 60.0


class SlowNetwork:
    """Knows the tones; as long as it is slow, each answer takes longer than a hop."""

    def __init__(self, answer: Callable[[Samples], NDArray[np.float32]] = tone_posteriors) -> None:
        self.is_fast = threading.Event()
        self._answer = answer

    def __call__(self, window: Samples) -> NDArray[np.float32]:
        self.is_fast.wait(2 * HOP_SECONDS)
        return self._answer(window)


class HandedOver:
    """A live source that hands over what is put into it, when it is put into it."""

    name = "handed over"
    rate_hz = SAMPLE_RATE_HZ
    live = True
    n_overflows = 0

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._changed = threading.Condition()
        self._ended = False

    def put(self, audio: Samples) -> None:
        with self._changed:
            self._blocks += blocks_of(audio)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def read(self, timeout_seconds: float) -> Block | None:
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended, timeout_seconds)
            if self._blocks:
                return self._blocks.pop(0)
            return None if self._ended else np.zeros((0, 1), np.float32)

    def close(self) -> None:
        """Nothing to release."""


def catch_up(session: Session, pipeline: Pipeline) -> None:
    """Wait until the detector has looked at everything there is."""
    while session.ring.position - pipeline.position > 2 * HOP_SAMPLES:
        assert session.running
        session.ended.wait(0.005)


def fall_behind(session: Session, pipeline: Pipeline, source: HandedOver, network: SlowNetwork, audio: Samples) -> None:
    """Let all the audio come in at once, and the network become fast only when some was skipped."""
    source.put(audio)
    assert session.ring.wait(audio.size, PATIENCE_SECONDS)
    catch_up(session, pipeline)
    network.is_fast.set()


def test_a_detector_that_falls_behind_goes_on_at_the_newest_audio_and_says_so() -> None:
    network, source, events = SlowNetwork(), HandedOver(), list[Event]()
    pipeline = tone_pipeline(score=network)
    session = Session(source, pipeline, events.append)
    session.start()
    fall_behind(session, pipeline, source, network, tone_words([("no", 2.5)], 5.0))
    talk = tone_words([("yes", 1.0)], 3.0)
    for start in range(0, talk.size, SAMPLE_RATE_HZ):
        source.put(talk[start : start + SAMPLE_RATE_HZ])
        assert session.ring.wait(5 * SAMPLE_RATE_HZ + start + SAMPLE_RATE_HZ, PATIENCE_SECONDS)
        catch_up(session, pipeline)
    source.end()
    assert session.wait(PATIENCE_SECONDS)
    skipped = [event for event in events if isinstance(event, AudioSkipped)]
    assert skipped
    assert skipped[0].position == 5 * SAMPLE_RATE_HZ  # the newest there was
    assert skipped[0].n_samples > LARGEST_DELAY_SECONDS * SAMPLE_RATE_HZ
    (slow,) = [event for event in events if isinstance(event, Health)]
    assert (slow.finding, slow.over) == ("slow_machine", False)
    # The old word is gone, the new one is heard.
    assert [event.keyword for event in events if isinstance(event, Detection)] == ["yes"]
    assert session.statistics().samples_skipped == sum(event.n_samples for event in skipped)


def test_a_burst_of_a_fast_machine_is_heard_whole_and_blames_nothing() -> None:
    network, source, events = SlowNetwork(), HandedOver(), list[Event]()
    network.is_fast.set()
    pipeline = tone_pipeline(score=network)
    session = Session(source, pipeline, events.append)
    session.start()
    source.put(tone_words([("yes", 1.0), ("no", 11.0), ("stop", 21.0)], 22.0))  # more than the ring buffer holds
    source.end()
    assert session.wait(PATIENCE_SECONDS)
    assert [event.keyword for event in events if isinstance(event, Detection)] == ["yes", "no", "stop"]
    assert not [event for event in events if isinstance(event, (AudioSkipped, Health))]


def test_a_source_that_can_wait_loses_nothing_to_a_slow_detector() -> None:
    network = SlowNetwork()
    network.is_fast.set()
    events: list[Event] = []
    talk = tone_words([("yes", 1.0), ("no", 11.0), ("stop", 21.0)], 22.0)
    session = Session(ScriptedSource(blocks_of(talk)), tone_pipeline(score=network), events.append)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    assert [event.keyword for event in events if isinstance(event, Detection)] == ["yes", "no", "stop"]
    assert session.statistics().samples_skipped == 0


def test_a_machine_that_keeps_up_again_is_told_once() -> None:
    network = SlowNetwork(answer=lambda window: np.zeros(len(LABELS), np.float32))
    source, events = HandedOver(), list[Event]()
    pipeline = tone_pipeline(score=network)
    session = Session(source, pipeline, events.append)
    session.start()
    fall_behind(session, pipeline, source, network, np.zeros(5 * SAMPLE_RATE_HZ, np.float32))
    second = np.random.default_rng(0).normal(0, 1e-3, SAMPLE_RATE_HZ).astype(np.float32)
    for k in range(round(CALM_SECONDS) + 3):
        catch_up(session, pipeline)
        source.put(second)
        assert session.ring.wait((6 + k) * SAMPLE_RATE_HZ, PATIENCE_SECONDS)
    catch_up(session, pipeline)
    source.end()
    assert session.wait(PATIENCE_SECONDS)
    told = [event.over for event in events if isinstance(event, Health) and event.finding == "slow_machine"]
    assert told == [False, True]


def started(position: int) -> SpeechStarted:
    return SpeechStarted(position=position)


def test_a_full_queue_drops_the_oldest_and_announces_how_many_before_the_next() -> None:
    waiting = EventQueue(3)
    for position in range(10):
        waiting.put(started(position))
    waiting.end()
    events = list(iter(waiting.get, None))
    assert events == [EventsDropped(n_events=7, position=7), started(7), started(8), started(9)]
    assert waiting.n_dropped == 7


def test_a_queue_that_has_ended_gives_what_is_left_and_then_none_for_ever() -> None:
    waiting = EventQueue(3)
    waiting.put(started(1))
    waiting.end()
    assert waiting.get() == started(1)
    assert waiting.get() is None
    assert waiting.get() is None


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Two processes that never rest."""
    processes = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("busy_machine")
def test_beside_two_spinning_processes_every_word_is_heard_once() -> None:
    events: list[Event] = []
    talk = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0)], 5.0)
    session = Session(ScriptedSource(blocks_of(talk)), tone_pipeline(), events.append)
    session.start()
    assert session.wait(PATIENCE_SECONDS)
    assert [event.keyword for event in events if isinstance(event, Detection)] == ["yes", "no", "stop"]
