"""The time of day of what was heard."""

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.panel.time_of_day import TimeOfDay


def test_a_time_once_given_stays_whatever_comes_later() -> None:
    times = TimeOfDay()
    for second in range(1, 11):
        times.note(second * SAMPLE_RATE_HZ, 1000.0 + second)
    before = times.at(5 * SAMPLE_RATE_HZ)
    for second in range(11, 20):  # after half a minute of nothing
        times.note(second * SAMPLE_RATE_HZ, 1030.0 + second)
    assert before == times.at(5 * SAMPLE_RATE_HZ) == 1005.0
    assert times.at(15 * SAMPLE_RATE_HZ) == 1045.0


def test_blocks_that_come_a_little_late_move_no_time() -> None:
    times = TimeOfDay()
    for second in range(1, 11):
        times.note(second * SAMPLE_RATE_HZ, 1000.0 + second + 0.24 * (second % 2))
    assert times.at(9 * SAMPLE_RATE_HZ) - times.at(2 * SAMPLE_RATE_HZ) == 7.0


def test_while_nothing_comes_the_clock_of_what_was_heard_stands() -> None:
    times = TimeOfDay()
    times.note(SAMPLE_RATE_HZ, 1001.0)
    times.note(SAMPLE_RATE_HZ, 1090.0)
    times.note(2 * SAMPLE_RATE_HZ, 1091.0)
    assert times.at(SAMPLE_RATE_HZ // 2) == 1000.5
    assert times.at(3 * SAMPLE_RATE_HZ // 2) == 1090.5
