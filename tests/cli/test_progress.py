import io

import pytest

from kws_live.cli.progress import ERASE, Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        return self.getvalue().split(ERASE)[1:]


def test_a_bar_shows_per_cent_and_the_time_left() -> None:
    now = 0.0
    terminal = Terminal()
    bar = Bar("talk", stream=terminal, clock=lambda: now)
    with bar.shown():
        bar.show(0, 200)
        now = 30.0
        bar.show(50, 200)
        now = 4000.0
        bar.show(100, 200)
    first, quarter, half, end = terminal.lines()
    assert "0 %" in first
    assert quarter.startswith("talk  #")
    assert "25 %  1:30 left" in quarter
    assert "50 %  1:06:40 left" in half
    assert end == ""


def test_what_is_more_than_the_whole_is_all_of_it() -> None:
    terminal = Terminal()
    Bar("talk", stream=terminal, clock=lambda: 0.0).show(3, 2)
    assert "100 %  0:00 left" in terminal.lines()[0]


def test_without_a_whole_it_shows_the_time_that_has_passed() -> None:
    now = 0.0
    terminal = Terminal()
    bar = Bar("fetching", in_bytes=True, stream=terminal, clock=lambda: now)
    now = 61.0
    bar.show(2_500_000, None)
    assert terminal.lines() == ["fetching  2.5 MB  1:01 so far"]


def test_it_draws_ten_times_a_second_at_most() -> None:
    now = 0.0
    terminal = Terminal()
    bar = Bar("clips", stream=terminal, clock=lambda: now)
    for i in range(101):
        now = i / 100
        bar.show(i, 100)
    assert 9 <= len(terminal.lines()) <= 11


@pytest.mark.twin("test_a_bar_shows_per_cent_and_the_time_left")
def test_it_writes_nothing_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    bar = Bar("clips", stream=stream)
    with bar.shown():
        bar.show(1, 2)
    assert stream.getvalue() == ""
