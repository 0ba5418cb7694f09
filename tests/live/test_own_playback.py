"""What the machine itself plays: which words were near at a moment."""

import logging
from collections.abc import Callable

import numpy as np
import pytest

from kws_live.audio import Block
from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import SourceLostError
from kws_live.live.own_playback import OwnPlayback
from kws_live.model import Model
from kws_live.sources import AudioSource
from kws_live.spotting.pipeline import Pipeline
from kws_live.system.clock import wall_seconds
from kws_live.testing import silence, tone, tone_model
from tests.fakes import EndlessSource, ScriptedSource, blocks_of
from tests.spoken import wait_until


def said(word: str) -> list[Block]:
    return blocks_of(np.concatenate([silence(1.0), tone(word), silence(1.0)]))


def begin(model: Model, position: int) -> Pipeline:
    return make_pipeline(model, make_settings(model), position)


class Humming(EndlessSource):
    """Says a word without end."""

    def read(self, timeout_seconds: float) -> Block | None:
        super().read(timeout_seconds)
        return tone("no")[:, np.newaxis]


class Played:
    """A loudspeaker, and what is known of its words since it began."""

    def __init__(self, source: AudioSource, reopen: Callable[[], AudioSource] | None = None) -> None:
        self.playback = OwnPlayback(source, reopen, tone_model("yes", "no"), begin)
        self.begun = wall_seconds()

    def highest(self, word: str) -> float:
        """Its highest score, whenever it was said."""
        moments = np.arange(self.begun, wall_seconds() + 1.0, 0.5)
        return max(self.playback.scores_near(moment).get(word, 0.0) for moment in moments)


def test_a_word_that_is_played_is_known_around_its_moment_and_at_no_other() -> None:
    played = Played(ScriptedSource(said("yes"), live=True))
    played.playback.start()
    wait_until(lambda: played.highest("yes") > 0.6)
    assert played.highest("no") < 0.3
    assert played.playback.scores_near(played.begun - 10.0) == {}
    assert played.playback.scores_near(None) == {}  # a file that is read faster than it was spoken
    played.playback.stop()
    played.playback.stop()


def test_after_a_change_of_the_model_its_words_are_known() -> None:
    played = Played(Humming())
    played.playback.start()
    wait_until(lambda: "no" in played.playback.scores_near(wall_seconds()))
    played.playback.change_model(tone_model("stop"))
    wait_until(lambda: "stop" in played.playback.scores_near(wall_seconds()))
    played.playback.stop()


def test_a_loudspeaker_that_is_lost_is_told_and_heard_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    again = ScriptedSource(said("no"), live=True)
    played = Played(ScriptedSource([*said("yes"), SourceLostError("it ended")], live=True), lambda: again)
    played.playback.start()
    wait_until(lambda: played.highest("no") > 0.6)
    played.playback.stop()
    assert caplog.messages[:2] == [
        "it ended; until it returns, words that this machine plays are not ignored",
        "scripted is back; words that this machine plays are ignored",
    ]


@pytest.mark.twin("test_a_word_that_is_played_is_known_around_its_moment_and_at_no_other")
def test_what_never_started_is_closed_all_the_same() -> None:
    source = ScriptedSource([], live=True)
    Played(source).playback.stop()
    assert source.n_closed == 1
