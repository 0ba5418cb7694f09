import pytest

import kws_live
from kws_live import Detection, Event
from kws_live.testing import FakeMicrophone


class Lamp:
    """A user's program, which knows nothing of tests."""

    def __init__(self) -> None:
        self.is_on = False
        self.events: list[Event] = []
        self.spotter = kws_live.listen("mic:USB", thresholds={"off": 0.9})
        self.spotter.on("on", "off")(self.switch)
        self.spotter.start()

    def switch(self, detection: Detection) -> None:
        self.is_on = detection.keyword == "on"


@pytest.mark.slow
def test_the_plugins_fixture_tests_a_program_as_it_is(microphone: FakeMicrophone) -> None:
    lamp = Lamp()
    microphone.say("on")
    assert lamp.is_on
    microphone.say("stop", "off")
    assert not lamp.is_on
    assert lamp.spotter.model.card.name == kws_live.load_model().card.name  # its card and thresholds are the real ones
    lamp.spotter.stop()
