"""Words played by this machine, which its microphone picks up although nobody said them."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from kws_live.audio import HOP_SECONDS
from kws_live.events import Event, SourceLost, SourceReopened
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.live.companion import Companion
from kws_live.live.session import Session
from kws_live.model import Model
from kws_live.sources import AudioSource
from kws_live.spotting.pipeline import Pipeline, Step

log = logging.getLogger(__name__)

NEAR_SECONDS: Final = 0.6
"""Maximum delay of a played word at the microphone: buffers, propagation, echo."""

KEPT_SECONDS: Final = 10.0
"""Length of the history: the maximum lag of the microphone's detector."""


class OwnPlayback(Companion):
    """Runs a separate pipeline on this machine's playback, and records each word's score.

    Parameters
    ----------
    source : of the playback, already open; closed at the end
    reopen : reopens a lost source; None: it cannot be reopened
    model : the model used for the microphone
    begin : model, position -> a pipeline starting there
    """

    def __init__(
        self,
        source: AudioSource,
        reopen: Callable[[], AudioSource] | None,
        model: Model,
        begin: Callable[[Model, int], Pipeline],
    ) -> None:
        self._begin = begin
        self._keywords = model.card.keywords
        self._pipeline = ChangingPipeline(begin(model, 0))
        self._session = Session(source, self._pipeline, self._tell, reopen, self._note)
        self._lock = threading.Lock()
        self._scores: deque[tuple[float, dict[str, float]]] = deque(maxlen=round(KEPT_SECONDS / HOP_SECONDS))

    def scores_near(self, heard_at: float | None) -> Mapping[str, float]:
        """Return each word's highest score within `NEAR_SECONDS` of a time; empty for None."""
        highest: dict[str, float] = {}
        if heard_at is None:
            return highest
        with self._lock:
            near = [scores for at, scores in self._scores if abs(at - heard_at) <= NEAR_SECONDS]
        for scores in near:
            for word, score in scores.items():
                highest[word] = max(score, highest.get(word, 0.0))
        return highest

    def _note(self, step: Step) -> None:
        """Record the scores of a hop of the playback."""
        verdict = step.verdict
        if verdict is None or verdict.hop.posteriors is None:
            return
        at = self._session.ring.heard_at(verdict.hop.position)
        if at is not None:
            scores = dict(zip(self._keywords, verdict.scores.tolist(), strict=True))
            with self._lock:
                self._scores.append((at, scores))

    def _tell(self, event: Event) -> None:
        if isinstance(event, SourceLost):
            log.warning("%s; until it returns, words that this machine plays are not ignored", event.reason)
        elif isinstance(event, SourceReopened):
            log.warning("%s is back; words that this machine plays are ignored", event.source)

    def start(self) -> None:
        self._session.start()

    def change_model(self, model: Model) -> None:
        def begin(position: int) -> Pipeline:
            following = self._begin(model, position)
            self._keywords = model.card.keywords
            return following

        self._pipeline.change(begin, lambda: self._session.running)

    def stop(self) -> None:
        self._session.stop()
