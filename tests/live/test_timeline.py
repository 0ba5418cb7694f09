"""Positions of live audio stay on the clock, over absences of its source."""

import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.live.timeline import Timeline


@pytest.mark.parametrize(("is_live", "n_samples"), [(True, 2 * SAMPLE_RATE_HZ + 100), (False, 2 * SAMPLE_RATE_HZ)])
def test_after_an_absence_live_audio_is_counted_from_the_whole_streams_begin(is_live: bool, n_samples: int) -> None:
    timeline = Timeline(5.0)
    timeline.note(0, 10.0, 11.0, is_live)
    timeline.note(SAMPLE_RATE_HZ - 100, 11.0, 12.0, is_live)  # a hundred samples were lost on the way
    assert timeline.absence(2 * SAMPLE_RATE_HZ - 100, 14.0, is_live) == (2.0, n_samples)


def test_before_the_first_audio_it_was_away_since_the_begin() -> None:
    assert Timeline(5.0).absence(0, 6.5, True) == (1.5, round(1.5 * SAMPLE_RATE_HZ))


def test_audio_that_began_before_the_last_had_come_was_not_away() -> None:
    timeline = Timeline(5.0)
    timeline.note(0, 10.0, 11.0, is_live=True)
    assert timeline.absence(SAMPLE_RATE_HZ, 10.9, is_live=True)[0] == 0.0
    assert timeline.absence(SAMPLE_RATE_HZ, 11.5, is_live=True)[0] == 0.5
