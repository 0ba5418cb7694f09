"""The source that is to take over: taken once, or closed."""

import pytest

from kws_live.errors import SessionError
from kws_live.live.next_source import NextSource
from tests.panel.panel_fakes import FedSource


class ClosedSource(FedSource):
    closed = False

    def close(self) -> None:
        self.closed = True


def test_the_source_that_is_put_last_is_taken_once_and_the_one_before_it_is_closed() -> None:
    following, first, second = NextSource(), ClosedSource(), ClosedSource()
    following.put(first, None)
    following.put(second, None)
    assert first.closed
    assert following.take() == (second, None)
    assert following.take() is None
    assert not second.closed


def test_at_the_end_what_is_waiting_is_closed_and_nothing_more_is_taken() -> None:
    following, waiting, late = NextSource(), ClosedSource(), ClosedSource()
    following.put(waiting, None)
    following.close()
    assert waiting.closed
    with pytest.raises(SessionError, match="listening has ended"):
        following.put(late, None)
    assert late.closed
