import io
import logging
import threading

import pytest

from kws_live.cli import log_lines
from kws_live.cli.log_lines import LogLines


class Stopped(io.StringIO):
    """A terminal stopped by Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.begun.set()
        assert self.go_on.wait(20)
        return super().write(text)


def logger_to(handler: LogLines) -> logging.Logger:
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger


def test_lines_are_written_in_order_before_it_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    handler = LogLines()
    for number in range(100):
        logger_to(handler).warning("line %d", number)
    handler.close()
    handler.close()
    assert capsys.readouterr().err.splitlines() == [f"line {number}" for number in range(100)]


def test_a_terminal_that_was_stopped_stops_neither_what_logs_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "CLOSE_SECONDS", 0.01)
    terminal = Stopped()
    monkeypatch.setattr("sys.stderr", terminal)
    handler = LogLines()
    for _ in range(3):
        logger_to(handler).warning("lamp")
    assert terminal.begun.wait(20)
    handler.close()
    terminal.go_on.set()
    assert handler._thread is not None
    handler._thread.join(20)
    assert terminal.getvalue() == "lamp\n" * 3
