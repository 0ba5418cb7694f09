"""False accepts on running speech with transcripts, in LibriSpeech's layout.

A detection whose word is in the transcript is neither a false accept nor a command: such
words are counted separately.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, WINDOW_SECONDS, Samples
from kws_live.errors import DatasetError
from kws_live.evaluation.intervals import Rate
from kws_live.evaluation.recorded_run import Progress, RecordedRun, record_kept
from kws_live.events import Detection
from kws_live.model import Model
from kws_live.sources.recordings import read_mono
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.text_file import read_text

SAME_SOUND: Final = {"no": ("KNOW",), "right": ("WRITE", "WRIGHT", "RITE")}
"""Words that sound like a keyword; false accepts on them count as such, and are also listed separately."""


@dataclass(frozen=True)
class Sentence:
    """A stretch of speech and its words.

    Attributes
    ----------
    begin_seconds, end_seconds : in the recording
    words : in upper case
    name : of the file it came from
    """

    begin_seconds: float
    end_seconds: float
    words: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True)
class TalkScore:
    """Detections on talk.

    Attributes
    ----------
    hours : of speech
    false : keyword -> detections without the word
    same_sound : how many of those are on words that sound the same, such as "know"
    said_fired : keyword -> detections of the word in a sentence
    said : keyword -> number of occurrences in the transcripts
    """

    hours: float = 0.0
    false: Counter[str] = field(default_factory=Counter)
    same_sound: int = 0
    said_fired: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "TalkScore") -> "TalkScore":
        return TalkScore(
            self.hours + other.hours,
            self.false + other.false,
            self.same_sound + other.same_sound,
            self.said_fired + other.said_fired,
            self.said + other.said,
        )

    @property
    def false_accepts(self) -> Rate:
        """Rate of detections of words that were not said."""
        return Rate(self.false.total(), self.hours)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "false_accepts": self.false_accepts.to_dict(),
            "false_by_word": dict(self.false.most_common()),
            "same_sound": self.same_sound,
            "said": self.said.total(),
            "said_fired": self.said_fired.total(),
            "said_fired_by_word": dict(self.said_fired.most_common()),
        }


@dataclass(frozen=True)
class TalkRun:
    """A model's output for a chapter, and its sentences."""

    run: RecordedRun
    utterances: tuple[Sentence, ...]

    def score(self, settings: DecisionSettings) -> TalkScore:
        """Score it with other settings, without running the model again."""
        return score_talk(self.run.decide(settings), self.utterances, self.run.keywords, self.run.seconds)


def read_transcripts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the sound file and the upper-case transcript of every utterance below a folder, in order.

    Raises
    ------
    DatasetError
        If there is no transcript, or a file named by one is missing.
    """
    transcripts = sorted(folder.rglob("[!.]*.trans.txt"))
    if not transcripts:
        raise DatasetError(f"{folder} has no *.trans.txt; talk needs transcripts in LibriSpeech format")
    for transcript in transcripts:
        files = {path.stem: path for path in transcript.parent.iterdir() if not path.name.endswith(".txt")}
        for line in sorted(read_text(transcript, "transcript", error=DatasetError).splitlines()):
            name, _, text = line.partition(" ")
            if not name:
                continue
            if name not in files:
                raise DatasetError(f"{transcript} names {name}, but there is no such sound file next to it")
            yield files[name], text.upper()


def join_chapters(folder: Path) -> Iterator[tuple[str, Samples, tuple[Sentence, ...]]]:
    """Yield each chapter with its utterances joined in reading order: name, samples at 16 kHz, utterances.

    Nothing is inserted between them: LibriSpeech was cut at pauses of the reader, and more silence would make
    more of them look like isolated words.
    """
    chapters: dict[str, list[tuple[Path, str]]] = {}
    for path, text in read_transcripts(folder):
        chapters.setdefault(path.stem.rpartition("-")[0], []).append((path, text))
    for name, items in chapters.items():
        parts: list[Samples] = []
        utterances: list[Sentence] = []
        n_samples = 0
        for path, text in items:
            part = read_mono(path, SPEECH_RATE_HZ)
            begin, n_samples = n_samples, n_samples + part.size
            utterances.append(
                Sentence(begin / SPEECH_RATE_HZ, n_samples / SPEECH_RATE_HZ, tuple(text.split()), path.name)
            )
            parts.append(part)
        yield name, np.concatenate(parts), tuple(utterances)


def score_talk(
    detections: Iterable[Detection], utterances: Sequence[Sentence], keywords: Sequence[str], seconds: float
) -> TalkScore:
    """Match detections with transcripts.

    A word counts as said if it is in the transcript of an utterance that overlaps the detection's window.

    Parameters
    ----------
    detections : of the recording
    utterances : in order of time
    keywords : of the model
    seconds : length of the recording
    """
    false: Counter[str] = Counter()
    said_fired: Counter[str] = Counter()
    same_sound = 0
    for detection in detections:
        end = detection.position / SAMPLE_RATE_HZ
        heard = {
            word
            for utterance in utterances
            if utterance.begin_seconds < end and utterance.end_seconds > end - WINDOW_SECONDS
            for word in utterance.words
        }
        if detection.keyword.upper() in heard:
            said_fired[detection.keyword] += 1
        else:
            false[detection.keyword] += 1
            same_sound += not heard.isdisjoint(SAME_SOUND.get(detection.keyword, ()))
    spoken = Counter(word for utterance in utterances for word in utterance.words)
    said = Counter({word: spoken[word.upper()] for word in keywords if spoken[word.upper()]})
    return TalkScore(seconds / 3600, false, same_sound, said_fired, said)


def measure_talk(
    model: Model,
    settings: DecisionSettings,
    folder: Path,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[TalkRun], TalkScore]:
    """Run a model over every chapter below a folder and score the detections.

    Parameters
    ----------
    model, settings : the model and its decision settings
    folder : in LibriSpeech's layout
    keep : a folder in which the model's output is saved and reused
    progress : called with the number of seconds just processed

    Returns
    -------
    the runs, for replay with other settings, and the score
    """
    runs = []
    total = TalkScore()
    for _, samples, utterances in join_chapters(folder):
        run, detections = record_kept(model, settings, samples, SPEECH_RATE_HZ, keep, progress)
        runs.append(TalkRun(run, utterances))
        total += score_talk(detections, utterances, model.card.keywords, run.seconds)
    return runs, total
