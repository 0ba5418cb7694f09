"""Check and handle the requests of a page, one JSON message at a time."""

import asyncio
import base64
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from kws_live.audio import SAMPLE_RATE_HZ, WINDOW_SECONDS, pcm16_to_float
from kws_live.errors import ConfigError, KwsLiveError
from kws_live.events import Detection
from kws_live.live.session_statistics import Statistics
from kws_live.model.card import ModelCard
from kws_live.panel.clips_desk import ClipsDesk
from kws_live.panel.feedback import FeedbackFolder, refit, to_wav
from kws_live.panel.hindsight import compare
from kws_live.panel.input_desk import InputDesk
from kws_live.panel.lesson import Lessons
from kws_live.panel.messages import parse
from kws_live.panel.observer import Observer
from kws_live.panel.settings_desk import SettingsDesk
from kws_live.panel.spectrogram import mfcc_image
from kws_live.panel.view_state import ViewState, settings_to_dict, to_base64
from kws_live.panel.why import explain
from kws_live.panel.words_desk import WordsDesk
from kws_live.spotting.replay import replay
from kws_live.system.outside_log import one_line, spare

log = spare(logging.getLogger(__name__))

MISSED_SECONDS: Final = 1.0
"""A missed word is searched for this far around the clicked moment."""

N_TOP: Final = 3


class Desk:
    """Handles the requests of the pages of one panel.

    Parameters
    ----------
    observer : what is shown
    folder : for profiles and evidence; apart from it, only taught words are written, to the user's models

    Attributes
    ----------
    saving : whether saving evidence is on
    input : the source and the model
    lessons : in words of the user's own
    """

    def __init__(self, observer: Observer, folder: Path) -> None:
        self.saving = False
        self.folder = folder
        self._observer = observer
        self._spotter = observer.spotter
        self._feedback = FeedbackFolder(folder / "feedback")
        self.lessons = Lessons(observer.spotter)
        self.input = InputDesk(observer)
        settings = SettingsDesk(observer.spotter.settings, folder / "profiles")
        clips = ClipsDesk(observer.spotter)
        words = WordsDesk(observer, self.lessons, self.input)
        self._answers: Mapping[str, Callable[..., Any]] = {
            "threshold": settings.threshold,
            "thresholds": settings.thresholds,
            "listen": settings.listen,
            "change": settings.change,
            "reset": settings.reset,
            "profiles": settings.profiles,
            "save_profile": settings.save_profile,
            "load_profile": settings.load_profile,
            "delete_profile": settings.delete_profile,
            "hindsight": self._hindsight,
            "why": self._why,
            "sources": self.input.sources,
            "source": self.input.source,
            "play": self.input.play,
            "loop": self.input.loop,
            "models": self.input.models,
            "use_model": self.input.use_model,
            "saving": self._saving,
            "mark": self._mark,
            "refit": self._refit,
            "marks": self._marks,
            "unmark": self._unmark,
            "clips": clips.clips,
            "sort_clip": clips.sort,
            "teach": words.teach,
            "stop_teaching": words.stop,
            "words": words.words,
            "forget": words.forget,
            "rename": words.rename,
            "not_this": words.not_this,
        }

    @property
    def _state(self) -> ViewState:
        return self._observer.state

    @property
    def _card(self) -> ModelCard:
        return self._spotter.model.card

    async def answer(self, text: str) -> dict[str, Any]:
        """Handle a message; if that fails, the answer is a one-line error."""
        number = None
        try:
            message = parse(text)
            kind, number = message.pop("type"), message.pop("id", None)
            answer = self._answers[kind](**message)
            if isinstance(answer, Awaitable):
                answer = await answer
            return {"type": kind, "id": number, **answer}
        except KwsLiveError as error:
            return {"type": "error", "id": number, "message": one_line(error)}
        except Exception as error:  # one request must not end the page's connection
            log.exception("a request of the page failed")
            return {"type": "error", "id": number, "message": one_line(f"{type(error).__name__}: {error}")}

    # Looking back.

    async def _hindsight(self, values: dict[str, float]) -> dict[str, Any]:
        settings = self._spotter.settings.snapshot()
        settings.require_known(*values)
        wanted = replace(settings, thresholds={**settings.thresholds, **values})
        history = self._state.history
        hops = [verdict.hop for verdict in history.verdicts]
        happened = [event for event in history.events if isinstance(event, Detection)]
        begin, end = history.begin, history.position
        replayed = await asyncio.to_thread(replay, hops, self._card.labels, self._card.keywords, wanted)
        result = compare(happened, replayed, begin, end)
        fates = {"stayed": result.stayed, "gone": result.gone, "come": result.come}
        return {
            "events": [
                {"fate": fate, "word": event.keyword, "position": event.position, "score": round(event.score, 3)}
                for fate, events in fates.items()
                for event in events
            ],
            "counts": {fate: dict(Counter(event.keyword for event in events)) for fate, events in fates.items()},
            "seconds": round(result.seconds, 2),
        }

    async def _why(self, position: int, word: str | None = None) -> dict[str, Any]:
        if word is not None:
            self._spotter.settings.snapshot().require_known(word)
        explanation = explain(self._state.history, self._card.keywords, position, word)
        if explanation is None:
            raise ConfigError("that moment is no longer available; choose one of the last ten minutes")
        verdict = explanation.verdict
        hop = verdict.hop
        column = self._card.labels.index(explanation.word)
        top = []
        if hop.posteriors is not None:
            order = hop.posteriors.argsort()[::-1][:N_TOP]
            top = [
                {"label": self._card.labels[index], "score": round(float(hop.posteriors[index]), 3)} for index in order
            ]
        last_second = [
            one for one in self._state.history.near(position, WINDOW_SECONDS) if one.hop.position <= hop.position
        ]
        answer: dict[str, Any] = {
            "sentence": explanation.sentence,
            "reason": explanation.ruling.reason.name,
            "final": explanation.ruling.final,
            "position": hop.position,
            "seconds": round(hop.position / SAMPLE_RATE_HZ, 2),
            "at": round(self._state.times.at(hop.position), 3),
            "word": explanation.word,
            "score": round(explanation.score, 3),
            "threshold": verdict.settings.thresholds[explanation.word],
            "gate_open": hop.gate_open,
            "level": round(max(max(one.hop.levels_db) for one in last_second), 1),
            "mode": verdict.settings.mode,
            "refractory_seconds": verdict.settings.refractory_seconds,
            "top": top,
            "opinions": [round(float(one[column]), 3) for one in hop.opinions if column < one.size],
        }
        pcm = self._state.audio.read(hop.position - SAMPLE_RATE_HZ, SAMPLE_RATE_HZ)
        if pcm is not None:
            image = await asyncio.to_thread(mfcc_image, self._spotter.model.extractor, pcm16_to_float(pcm))
            answer["sound"] = base64.b64encode(to_wav(pcm)).decode("ascii")
            answer["mfcc"] = {"rows": image.shape[1], "data": to_base64(image)}
        return answer

    # The user's verdicts.

    def _saving(self, on: bool) -> dict[str, Any]:
        self.saving = on
        return {"on": on}

    def _mark(self, kind: str, position: int, word: str) -> dict[str, Any]:
        if not self.saving:
            raise ConfigError("saving is off; switch on “Save the moments I mark” first")
        self._spotter.settings.snapshot().require_known(word)
        history, column = self._state.history, self._card.keywords.index(word)
        verdict = history.at(position)
        if kind == "missed":
            verdict = max(
                history.near(position, MISSED_SECONDS), key=lambda one: float(one.scores[column]), default=verdict
            )
        pcm = None
        if verdict is not None:
            pcm = self._state.audio.read(verdict.hop.position - SAMPLE_RATE_HZ, SAMPLE_RATE_HZ)
        if verdict is None or pcm is None:
            raise ConfigError("the audio of that moment is no longer available; choose one of the last ten minutes")
        evidence = self._feedback.save(
            {
                "kind": kind,
                "word": word,
                "score": round(float(verdict.scores[column]), 4),
                "threshold": float(verdict.settings.thresholds[word]),
                "model": self._card.name,
                "network_sha256": self._card.network_sha256,
                "source": self._spotter.source.name,
                "position": verdict.hop.position,
            },
            pcm,
        )
        taught = self._spotter.model.taught
        return {"evidence": asdict(evidence), "taught": taught is not None and word in taught.names}

    def _marks(self) -> dict[str, Any]:
        shown = [{"kind": one.kind, "word": one.word, "name": one.sound} for one in self._feedback.marks()]
        return {"marks": shown}

    def _unmark(self, name: str) -> dict[str, Any]:
        self._feedback.remove(name)
        return self._marks()

    async def _refit(self) -> dict[str, Any]:
        evidence = await asyncio.to_thread(self._feedback.load, self._card.network_sha256)
        fits = refit(evidence, self._spotter.settings.snapshot().thresholds)
        changed = {fit.word: fit.after for fit in fits if fit.after != fit.before}
        return {
            "n_evidence": len(evidence),
            "fits": [asdict(fit) for fit in fits],
            "values": changed,
            "hindsight": await self._hindsight(changed),
        }

    # Shown on every page once a second.

    def status(self) -> dict[str, Any]:
        """Return the source, the figures, current faults, and whether evidence is saved."""
        figures = self._observer.figures()
        return {
            "source": self._spotter.source.name,
            "ended": self._observer.ended,
            "is_over": self._spotter.condition().is_over,
            "can_play": self.input.can_play,
            "loops": self.input.loops,
            "troubles": [f"{one.text}: {one.advice}" for one in self._observer.troubles(self.lessons.running)],
            "vitals": vitals(figures),
            "figures": figures.rows(),
            "saving": self.saving,
        }

    def headline(self) -> dict[str, Any]:
        """Return the headline."""
        return asdict(self._observer.headline(self.lessons.running))

    def hello(self) -> dict[str, Any]:
        """Return what a page needs first."""
        return {
            "type": "hello",
            "words": list(self._card.keywords),
            "model": self._card.name,
            "folder": str(self.folder.resolve()),
            "sample_rate_hz": SAMPLE_RATE_HZ,
            "history_seconds": self._state.history.seconds,
            "n_rows": self._state.spectrogram.n_rows,
        }

    def settings(self) -> dict[str, Any]:
        """Return the current settings, and the defaults."""
        settings = self._spotter.settings
        return {**settings_to_dict(settings.snapshot()), "defaults": settings_to_dict(settings.defaults)}


def vitals(figures: Statistics) -> str:
    """Return the figures of the status line."""
    delay = "" if figures.delay_median_ms is None else f"delay {figures.delay_median_ms:.0f} ms · "
    lost = f"{figures.samples_skipped / SAMPLE_RATE_HZ:.1f} s of audio lost"
    return f"{delay}{lost} · {figures.cpu_ms_per_second / 10:.1f} % of a core"
