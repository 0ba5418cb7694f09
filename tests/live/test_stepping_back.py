"""A program that pauses while another one records, and goes on afterwards."""

from collections.abc import Iterator

import pytest

from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import SourceUnavailableError
from kws_live.events import Detection, Event, Health
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.live.stepping_back import SteppingBack
from kws_live.spotter import Spotter
from kws_live.testing import FakeMicrophone, tone_model
from tests.spoken import wait_until


class Room:
    """A spotter whose clock stands still, and what other programs do."""

    def __init__(self) -> None:
        self.recording: dict[int, str] = {}
        self.has_server = True
        self.now = 0.0
        self.n_looks = 0
        self.microphone = FakeMicrophone()
        self.events: list[Event] = []
        model = tone_model("yes", "no")
        settings = make_settings(model)
        pipeline = ChangingPipeline(make_pipeline(model, settings))
        beside = [SteppingBack(self._others, lambda: self.now)]
        self.spotter = Spotter(model, settings, self.microphone, pipeline, beside=beside)
        self.spotter.on(event=Event)(self.events.append)

    def _others(self) -> dict[int, str]:
        self.n_looks += 1
        if not self.has_server:
            raise SourceUnavailableError("it restarts")
        return self.recording

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass, and others be looked at twice: the first of these has been dealt with by then."""
        for step in (seconds - 1.0, 1.0):
            n_looks, self.now = self.n_looks, self.now + step
            wait_until(lambda n_looks=n_looks: self.n_looks > n_looks)  # type: ignore[misc]

    def words(self) -> list[str]:
        return [event.keyword for event in self.events if isinstance(event, Detection)]

    def told(self) -> list[tuple[str, bool]]:
        return [(event.summary, event.over) for event in self.events if isinstance(event, Health)]


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    with room.spotter:
        yield room


def test_a_call_pauses_it_is_told_and_its_end_lets_words_through_again(room: Room) -> None:
    room.recording = {7: "Firefox"}
    room.pass_seconds(2.0)
    room.pass_seconds(10.0)
    wait_until(lambda: room.spotter.condition().is_muted)
    room.microphone.say("yes")
    assert room.words() == []
    room.recording = {}
    room.pass_seconds(2.0)
    wait_until(lambda: not room.spotter.condition().is_muted)
    room.microphone.say("no")
    assert room.words() == ["no"]
    assert room.told() == [
        ("'Firefox' has recorded from this microphone for 8 s: paused", False),
        ("'Firefox' has stopped recording: listening again", True),
    ]


def test_short_recordings_one_after_another_are_no_call(room: Room) -> None:
    for stream in range(3):
        room.recording = {stream: "recorder"}
        room.pass_seconds(7.0)
    room.microphone.say("yes")
    assert room.words() == ["yes"]
    assert room.told() == []


def test_a_sound_server_that_goes_ends_the_pause(room: Room) -> None:
    room.recording = {7: "Firefox"}
    room.pass_seconds(2.0)
    room.pass_seconds(10.0)
    wait_until(lambda: room.spotter.condition().is_muted)
    room.has_server = False
    room.pass_seconds(2.0)
    wait_until(lambda: not room.spotter.condition().is_muted)
    room.microphone.say("yes")
    assert room.words() == ["yes"]
