"""Functions called with every hop's verdict."""

import threading
from collections.abc import Callable
from functools import partial

from kws_live.spotting.pipeline import Step

OnStep = Callable[[Step], None]


class Watchers:
    """Calls functions on the detector thread; any thread can add and remove them."""

    def __init__(self, first: OnStep | None = None) -> None:
        self._lock = threading.Lock()
        self._calls: tuple[OnStep, ...] = () if first is None else (first,)

    def add(self, on_step: OnStep) -> Callable[[], None]:
        """Call a function for each hop; returns a function that unregisters it."""
        call = partial(on_step)  # a distinct object, because a function may be given twice
        with self._lock:
            self._calls = (*self._calls, call)

        def remove() -> None:
            with self._lock:
                self._calls = tuple(one for one in self._calls if one is not call)

        return remove

    def call(self, step: Step) -> None:
        """Call all functions with a decided hop."""
        for on_step in self._calls:
            on_step(step)
