"""Between a spotter and a view state: collects what the detector does, without ever holding it up."""

import time
from collections import deque
from typing import Final

from kws_live.panel.view_state import ViewState
from kws_live.spotter import Spotter
from kws_live.spotting.pipeline import Step
from kws_live.stream.findings import Finding

LARGEST_BACKLOG: Final = 8000
"""Steps kept while nobody polls: the ten minutes that are remembered anyway."""

STALLED_SECONDS: Final = 1.5
"""So long without sound, and the view says so."""


class Observer:
    """Fills a `ViewState` from a spotter.

    The detector thread only appends to a bounded deque; `poll`, on the view's own thread, does the rest.

    Parameters
    ----------
    spotter : may be running already
    """

    def __init__(self, spotter: Spotter) -> None:
        self.spotter = spotter
        self.state = ViewState(spotter.model.card.keywords, spotter.model.extractor)
        self._steps: deque[Step] = deque(maxlen=LARGEST_BACKLOG)
        self._unwatch = spotter.watch(self._steps.append)
        self._heard_at = time.monotonic()

    def poll(self) -> None:
        """Take over what has happened since the last call."""
        self.state.feed_steps(self._steps.popleft() for _ in range(len(self._steps)))
        before = self.state.audio.position
        self.state.feed_audio(self.spotter.ring)
        if self.state.audio.position != before:
            self._heard_at = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the source has come to its end."""
        return self.spotter.ring.closed

    def findings(self) -> list[str]:
        """What is wrong, each with what to do about it; none: all is well."""
        said = [f"{finding.summary}: {finding.advice}" for finding in self.state.signal_health.findings()]
        silent_seconds = 0.0 if self.ended else time.monotonic() - self._heard_at
        if silent_seconds > STALLED_SECONDS:
            said.insert(0, f"no sound has come for {silent_seconds:.0f} s: {Finding('source_lost', '').advice}")
        if n_failed := self.spotter.statistics().callback_errors:
            said.append(f"your program's functions failed {n_failed} times: its log says why")
        return said

    def close(self) -> None:
        """Stop watching."""
        self._unwatch()
