import logging

import pytest

from kws_live.system.outside_log import LONGEST, Sparing, one_line


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> logging.Logger:
    log = logging.Logger("test")
    log.addFilter(Sparing(60.0, clock))
    return log


def _complain(log: logging.Logger, text: str) -> None:
    log.warning("a client sent %s", text)


def test_one_record_of_a_kind_a_minute_and_the_next_says_how_many_were_left_out(
    log: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log.addHandler(caplog.handler)
    clock.seconds = 100.0
    for number in range(1000):
        _complain(log, str(number))
    log.warning("another kind")
    clock.seconds += 60.0
    _complain(log, "last")
    assert caplog.messages == ["a client sent 0", "another kind", "a client sent last (and 999 more like it)"]


def test_a_record_is_one_line_without_control_characters(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.addHandler(caplog.handler)
    try:
        raise ValueError("\x1b]0;owned\x07\nFAKE" + "x" * 10_000)
    except ValueError:
        log.exception("a handshake failed")
    (line,) = caplog.text.splitlines()
    assert line.split(" ", 3)[-1].isprintable()
    assert len(line) < LONGEST + 100
    assert "ValueError" in line


@pytest.mark.parametrize(
    ("text", "shown"), [("plain ü", "plain ü"), ("a\nb\x1b", "a\\nb\\x1b"), ("x" * 301, "x" * 297 + "...")]
)
def test_texts_from_outside_are_shown_whole_or_cut(text: str, shown: str) -> None:
    assert one_line(text) == shown
