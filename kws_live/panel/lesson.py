"""Teach a word from a page: one lesson at a time, on a thread of its own, from the audio of the spotter."""

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Block, Samples, level_db
from kws_live.enrolment.judge import Judge
from kws_live.enrolment.takes import READING_SECONDS, SAY_SECONDS, Take, record_takes
from kws_live.enrolment.taught_model import words_of
from kws_live.enrolment.teaching import Teacher
from kws_live.enrolment.vocabulary import (
    forget_word,
    put_word,
    rename_word,
    teach_word,
    where_to_teach,
    without_alarm,
)
from kws_live.errors import ConfigError, KwsLiveError, SourceLostError
from kws_live.model import Model, load_model
from kws_live.model.folders import user_models
from kws_live.spotter import Spotter
from kws_live.stream.ring_buffer import RingBuffer

N_TAKES: Final = 5
BLOCK_SAMPLES: Final = SAMPLE_RATE_HZ // 10


@dataclass(frozen=True)
class TakeTold:
    """A take as shown on a page: its number, the word's level in dB and duration, and its fault."""

    number: int
    level_db: float
    seconds: float
    fault: str | None


@dataclass(frozen=True)
class LessonState:
    """A lesson as shown on a page.

    Attributes
    ----------
    phase : "idle", "wait", "speak", "learning", "done" or "failed"
    word : the word being taught
    prompt : what to do, or what went wrong
    begin : position at which the take starts, while the phase is "speak"
    takes : the newest of each number
    report : what to expect of the word, one fact per line
    model : the model to which the word was added
    """

    phase: str = "idle"
    word: str = ""
    prompt: str = ""
    begin: int = 0
    takes: tuple[TakeTold, ...] = ()
    report: tuple[str, ...] = ()
    model: str = ""
    n_takes: int = N_TAKES
    say_seconds: float = SAY_SECONDS


class RingSource:
    """The spotter's audio from now on, as a source.

    Parameters
    ----------
    ring : the spotter's
    name : of the spotter's source
    """

    rate_hz = SAMPLE_RATE_HZ
    live = True
    n_overflows = 0

    def __init__(self, ring: RingBuffer, name: str) -> None:
        self.name = name
        self._ring = ring
        self.position = ring.position
        self._closed = threading.Event()

    def read(self, timeout_seconds: float) -> Block | None:
        self._ring.wait(self.position + BLOCK_SAMPLES, min(timeout_seconds, 0.2))
        start, samples = self._ring.read_on(self.position, BLOCK_SAMPLES)
        if self._closed.is_set() or (not samples.size and self._ring.closed):
            return None
        self.position = start + samples.size
        return samples[:, np.newaxis]

    def go_on_after(self, seconds: float) -> None:
        """Skip the audio that has arrived, and ``seconds`` more."""
        self.position = self._ring.position + round(seconds * SAMPLE_RATE_HZ)

    def close(self) -> None:
        """End the source, for its readers too."""
        self._closed.set()


class Lessons:
    """Runs lessons, and manages taught words.

    Parameters
    ----------
    spotter : the source of the takes; muted while takes are recorded

    Attributes
    ----------
    state : of the newest lesson, replaced atomically
    version : incremented with every change of the state
    """

    def __init__(self, spotter: Spotter) -> None:
        self.state = LessonState()
        self.version = 0
        self._spotter = spotter
        self._thread: threading.Thread | None = None
        self._source: RingSource | None = None
        self._stopping = False

    @property
    def running(self) -> bool:
        """Whether a lesson is running."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, word: str, adapt: bool = False) -> None:
        """Start a lesson, in a new word or, with ``adapt``, in a word of the network.

        Raises
        ------
        KwsLiveError
            If one is running, or the word cannot be taught.
        """
        self.require_none()
        name = self._spotter.model.card.name
        base, folder = where_to_teach(word, name if name in user_models() else None, adapt=adapt)
        word = " ".join(word.split())
        self._source = RingSource(self._spotter.ring, self._spotter.source.name)
        self._source.go_on_after(READING_SECONDS)
        self._stopping = False
        self._show(LessonState("wait", word, f"You will say “{word}” {N_TAKES} times."))
        arguments = (word, base, folder, self._source)
        self._thread = threading.Thread(target=self._teach, args=arguments, name="kws-live lesson", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cancel the lesson and discard it; without one, do nothing."""
        self._stopping = True
        if self._source is not None:
            self._source.close()

    def close(self) -> None:
        """Cancel the lesson and wait until it has ended."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def require_none(self) -> None:
        """Raise a ConfigError while a lesson is running."""
        if self.running:
            raise ConfigError(f"a lesson for “{self.state.word}” is running; stop it first")

    def _show(self, state: LessonState) -> None:
        self.state = state
        self.version += 1

    def _teach(self, word: str, base: Model, folder: Path, source: RingSource) -> None:
        try:
            teacher = Teacher(base)
            judge = Judge(teacher, base)
            with self._spotter.muted():  # a take of "stop it" must not stop anything
                takes = list(self._record(word, source, judge))
            self._show(replace(self.state, phase="learning", prompt=f"Learning “{word}” …"))
            model, taught = teach_word(word, takes, base, folder, teacher=teacher)
        except KwsLiveError as error:
            stopped = self._stopping and isinstance(error, SourceLostError)
            state = LessonState() if stopped else replace(self.state, phase="failed", prompt=_sentence(str(error)))
            self._show(state)
            return
        except Exception as error:  # so that the page does not wait forever
            self._show(replace(self.state, phase="failed", prompt=f"This is a bug: {type(error).__name__}: {error}"))
            raise
        report = tuple(map(_sentence, taught.expectation.lines(word)))
        prompt = f"“{word}” is in your model {model.card.name}."
        self._show(replace(self.state, phase="done", prompt=prompt, report=report, model=model.card.name))

    def _record(self, word: str, source: RingSource, judge: Judge) -> Sequence[Take]:
        judged: str | None = ""  # verdict on the last take; "": none recorded

        def fault(take: Take, good: Sequence[Take]) -> str | None:
            nonlocal judged
            judged = judge.fault(take, good)
            level = level_db(take.samples[take.begin : take.end])
            seconds = (take.end - take.begin) / SPEECH_RATE_HZ
            told = TakeTold(len(good) + 1, round(level, 1), round(seconds, 2), judged)
            earlier = tuple(one for one in self.state.takes if one.number != told.number)
            self._show(replace(self.state, phase="wait", takes=(*earlier, told)))
            return judged

        def say(text: str) -> None:
            nonlocal judged
            if judged == "":  # ask for a take
                source.go_on_after(0.0)
                self._show(replace(self.state, phase="speak", prompt=_sentence(text), begin=source.position))
                return
            self._show(replace(self.state, prompt=_sentence(text)))
            judged = ""

        return list(record_takes(source, word, N_TAKES, fault, say))

    # Taught words.

    def words(self) -> list[dict[str, Any]]:
        """Return every taught word of the user's models."""
        found = []
        for name in user_models():
            for word in words_of(load_model(name)):
                kind = "a known word, adapted to your voice: " if word.adapted else ""
                found.append({"model": name, "word": word.name, "told": kind + word.expectation.line()})
        return found

    def forget(self, model: str, word: str) -> None:
        """Remove a word."""
        forget_word(self._own(model), word)

    def rename(self, model: str, word: str, new: str) -> None:
        """Rename a word."""
        rename_word(self._own(model), word, new)

    def not_this(self, model: str, word: str, samples: Samples, keep: bool) -> str:
        """What it costs a word to unlearn a sound in which it fired, float32 at 16 kHz; done if it is to be kept."""
        own = self._own(model)
        before, after = without_alarm(own, word, samples)
        if keep:
            put_word(own, after)
        return _sentence(after.expectation.beside(before.expectation)) + "."

    def _own(self, name: str) -> Model:
        self.require_none()
        if name not in user_models():  # a page must not open folders by their path
            raise ConfigError(f"you have no model {name!r}; yours are: {', '.join(user_models()) or 'none yet'}")
        return load_model(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return asdict(self.state)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
