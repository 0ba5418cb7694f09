"""Waiting until descriptors can be read, however high their numbers are."""

import selectors
import socket
from collections.abc import Iterable
from typing import Final, TypeVar

# select() ends at descriptor 1,023; epoll refuses plain files, which standard input may be.
_Selector: Final[type[selectors.BaseSelector]] = getattr(selectors, "PollSelector", selectors.SelectSelector)

One = TypeVar("One", socket.socket, int)


def readable(descriptors: Iterable[One], timeout_seconds: float) -> list[One]:
    """Those that can be read, or are at their end, as soon as there is one; none at the time-out."""
    with _Selector() as selector:
        for one in descriptors:
            selector.register(one, selectors.EVENT_READ, one)
        return [key.data for key, _ in selector.select(max(0.0, timeout_seconds))]
