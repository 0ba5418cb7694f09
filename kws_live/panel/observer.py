"""Between a spotter and a view state: collects what the detector does, without ever holding it up."""

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
"""Steps kept while nothing polls: the ten minutes that are remembered anyway."""

STALLED_SECONDS: Final = 1.5
"""So long without sound, or without a look at it, and the view says so."""

LARGEST_LAG_SECONDS: Final = 2.5
"""So far the detector may be behind a live source."""

FIGURES_SECONDS: Final = 0.9
"""They take a millisecond when there were many words, so not every frame asks for new ones."""


class Observer:
    """Fills a `ViewState` from a spotter.

    The detector thread only appends to a bounded deque; `poll`, on the view's own thread, does the rest.

    Parameters
    ----------
    spotter : may be running already

    Attributes
    ----------
    state : of the model that listens now
    n_models : how many models have listened so far; each begins with an empty state
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
        """Take over what has happened since the last call."""
        now = time.monotonic()
        self.state.times.note(self.spotter.ring.position, time.time())
        if self._steps:
            self._looked_at = now
        steps = [self._steps.popleft() for _ in range(len(self._steps))]
        if self.spotter.model is not self._model:  # some of the steps may be of the model before
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
        """The spotter's figures, at most a second old."""
        now = time.monotonic()
        if self._figures is None or now - self._figures[0] >= FIGURES_SECONDS:
            self._figures = now, self.spotter.statistics()
        return self._figures[1]

    @property
    def silent_seconds(self) -> float:
        """How long no sound has come."""
        return time.monotonic() - self._heard_at

    @property
    def ended(self) -> bool:
        """Whether the source has come to its end."""
        condition = self.spotter.condition()
        return condition.is_over or condition.source_has_ended

    def headline(self, in_lesson: bool = False) -> Headline:
        """What a person must know first."""
        return next(self._headlines(in_lesson))

    def troubles(self, in_lesson: bool = False) -> list[Headline]:
        """All that is wrong, the worst first; none: all is well."""
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
                told = Finding("source_lost", f"no sound has come for {silent_seconds:.0f} s")
                yield of_finding("alarm", told)
        elif blind_seconds > STALLED_SECONDS:
            told = Finding("detector_hangs", f"sound comes, but has not been looked at for {blind_seconds:.0f} s")
            yield of_finding("alarm", told)
        elif source.live and self.state.history.verdicts and lag_seconds > LARGEST_LAG_SECONDS:
            yield of_finding("alarm", Finding("slow_machine", f"{lag_seconds:.0f} s of sound wait to be looked at"))

    def _failures(self) -> Iterator[Headline]:
        figures = self.figures()
        for n_failed, what in (
            (figures.callback_errors, "The program's functions failed {} times"),
            (figures.events_undelivered, "{} events could not be delivered"),
        ):
            if n_failed:
                yield Headline("warning", what.format(n_failed), "The program's log says why.")

    def close(self) -> None:
        """Stop watching."""
        self._unwatch()
