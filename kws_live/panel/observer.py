"""Collect what the detector does for a view state, without delaying it."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.live.session_statistics import Statistics
from kws_live.panel.headline import (
    ENDED,
    LESSON,
    LISTENING,
    MUTED,
    NO_WORDS,
    OVER,
    QUIET,
    WAITING,
    Headline,
    broken,
    of_finding,
)
from kws_live.panel.view_state import ViewState
from kws_live.sources.optional import may_pause
from kws_live.spotter import Spotter
from kws_live.spotting.pipeline import Step
from kws_live.stream.findings import Finding

LARGEST_BACKLOG: Final = 8000
"""Steps kept while nothing polls: about the ten minutes of the history."""

STALLED_SECONDS: Final = 1.5
"""A longer time without audio, or without a step of the detector, is reported."""

LARGEST_LAG_SECONDS: Final = 2.5
"""Largest delay of the detector behind a live source that is not reported."""

FIGURES_SECONDS: Final = 0.9
"""Time between updates of the figures: they take a millisecond when there are many words."""


class Observer:
    """Fills a `ViewState` from a spotter.

    The detector thread only appends to a bounded deque; `poll`, on the view's own thread, does the rest.

    Parameters
    ----------
    spotter : may be running already

    Attributes
    ----------
    state : of the current model
    n_models : number of models so far; each starts with an empty state
    """

    def __init__(self, spotter: Spotter) -> None:
        self.spotter = spotter
        self.n_models = 0
        self._begin_anew()
        self._steps: deque[Step] = deque(maxlen=LARGEST_BACKLOG)
        self._unwatch = spotter.watch(self._steps.append)
        self._heard_at = self._looked_at = time.monotonic()
        self._figures: tuple[float, Statistics] | None = None

    def poll(self) -> None:
        """Process what has happened since the last call."""
        now = time.monotonic()
        self.state.times.note(self.spotter.ring.position, time.time())
        if self._steps:
            self._looked_at = now
        steps = [self._steps.popleft() for _ in range(len(self._steps))]
        if self.spotter.model is not self._model:  # some steps may belong to the previous model
            self._begin_anew()
            self.state.times.note(self.spotter.ring.position, time.time())
            steps = []
        self.state.feed_steps(steps)
        before = self.state.audio.position
        self.state.feed_audio(self.spotter.ring)
        if self.state.audio.position != before:
            self._heard_at = now

    def _begin_anew(self) -> None:
        self._model = self.spotter.model
        self.state = ViewState(self._model.card.keywords, self._model.extractor)
        self.n_models += 1

    def figures(self) -> Statistics:
        """Return the spotter's figures, at most a second old."""
        now = time.monotonic()
        if self._figures is None or now - self._figures[0] >= FIGURES_SECONDS:
            self._figures = now, self.spotter.statistics()
        return self._figures[1]

    @property
    def silent_seconds(self) -> float:
        """Time since the last audio."""
        return time.monotonic() - self._heard_at

    @property
    def ended(self) -> bool:
        """Whether the source has ended."""
        condition = self.spotter.condition()
        return condition.is_over or condition.source_has_ended

    def headline(self, in_lesson: bool = False) -> Headline:
        """Return the most important fact."""
        return next(self._headlines(in_lesson))

    def troubles(self, in_lesson: bool = False) -> list[Headline]:
        """Return all problems, the worst first."""
        return [one for one in self._headlines(in_lesson) if one.tone in ("alarm", "warning")]

    def _headlines(self, in_lesson: bool) -> Iterator[Headline]:
        condition = self.spotter.condition()
        if condition.is_over:
            yield broken(condition.broke) if condition.broke else OVER
            return
        yield from (of_finding("alarm", finding) for finding in condition.findings)
        if condition.source_has_ended:
            yield ENDED
        elif not condition.findings:
            yield from self._stalls()
        if condition.is_muted:
            yield LESSON if in_lesson else MUTED
        settings = self.spotter.settings.snapshot()
        if not any(map(settings.listens_to, settings.thresholds)):
            yield NO_WORDS
        yield from (of_finding("warning", finding) for finding in self.state.signal_health.findings())
        yield from self._failures()
        yield LISTENING if self.state.now().gate_open else QUIET

    def _stalls(self) -> Iterator[Headline]:
        silent_seconds, blind_seconds = self.silent_seconds, time.monotonic() - self._looked_at
        source = self.spotter.source
        lag_seconds = (self.state.audio.position - self.state.history.position) / SAMPLE_RATE_HZ
        if silent_seconds > STALLED_SECONDS:
            if may_pause(source):
                yield WAITING
            else:
                told = Finding("source_lost", f"no audio for {silent_seconds:.0f} s")
                yield of_finding("alarm", told)
        elif blind_seconds > STALLED_SECONDS:
            told = Finding("detector_hangs", f"audio arrives, but has not been scored for {blind_seconds:.0f} s")
            yield of_finding("alarm", told)
        elif source.live and self.state.history.verdicts and lag_seconds > LARGEST_LAG_SECONDS:
            yield of_finding("alarm", Finding("slow_machine", f"{lag_seconds:.0f} s of audio not yet scored"))

    def _failures(self) -> Iterator[Headline]:
        figures = self.figures()
        for n_failed, what in (
            (figures.callback_errors, "Callbacks failed {} times"),
            (figures.events_undelivered, "{} events could not be delivered"),
        ):
            if n_failed:
                yield Headline("warning", what.format(n_failed), "The log gives the reason.")

    def close(self) -> None:
        """Stop watching."""
        self._unwatch()
