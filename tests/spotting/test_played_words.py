"""Words that the machine itself plays, on hops made by hand."""

import pytest

from kws_live.spotting.verdict import Reason
from tests.spotting.decided import misses, quiet_start, words


@pytest.mark.parametrize("mode", ["spotting", "command"])
def test_a_word_that_the_machine_plays_does_not_fire_and_another_does(mode: str) -> None:
    hops = quiet_start(mode=mode)
    hops.play(yes=0.6)
    hops.say("yes")
    hops.feed(10)
    assert words(hops.events) == []
    assert misses(hops.events) == [("yes", Reason.OWN_PLAYBACK.value)]
    hops.feed(30)
    hops.say("no")
    hops.feed(10)
    assert words(hops.events) == ["no"]


def test_a_word_fires_that_the_machine_played_below_its_threshold() -> None:
    hops = quiet_start()
    hops.play(yes=0.59)
    assert words(hops.say("yes")) == ["yes"]


def test_a_word_that_waits_for_its_pause_is_refused_once_the_machine_is_known_to_play_it() -> None:
    hops = quiet_start(mode="command")
    hops.feed(2, loud=True)
    hops.feed(3, loud=True, yes=0.9)
    assert hops.reasons[-1] == "WAITING"
    hops.play(yes=0.9)
    hops.feed(1, loud=True, yes=0.9)
    hops.play()
    hops.feed(10)
    assert words(hops.events) == []
    assert misses(hops.events) == [("yes", Reason.OWN_PLAYBACK.value)]
