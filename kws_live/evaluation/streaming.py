"""Comparison of detections with labels: hits, misses, wrong words, doubles, false accepts per hour, delay.

A detection is one event, however many hops its score stayed high; it belongs to at most one label.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_LABEL, UNKNOWN, WINDOW_SECONDS
from kws_live.errors import DatasetError
from kws_live.evaluation.intervals import Rate, Share
from kws_live.evaluation.labels import Label, read_labels
from kws_live.evaluation.recorded_run import Progress, RecordedRun, record_kept
from kws_live.events import Detection
from kws_live.model import Model
from kws_live.sources.recordings import read_own_rate
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings

TOLERANCE_SECONDS: Final = 1.0
"""A word can be detected up to this long after its end, as long as the window contains part of it."""

NOISE: Final = "noise"
KINDS: Final = {UNKNOWN: "unknown words", SPEECH_LABEL: "talk", NOISE: "noise"}


@dataclass(frozen=True)
class Outcome:
    """Result for one label.

    Attributes
    ----------
    label : the word
    hit : whether it was detected; for an unknown word or talk, whether any keyword was
    delay_seconds : audio between the end of the word and the decision; None if missed
    decided_position : of the first hit
    wrong : other keywords detected instead
    n_doubles : number of repeated detections
    """

    label: Label
    hit: bool
    delay_seconds: float | None = None
    decided_position: int | None = None
    wrong: tuple[str, ...] = ()
    n_doubles: int = 0


@dataclass(frozen=True)
class StreamScore:
    """Score of a recording, or of several added with ``+``.

    Attributes
    ----------
    words : outcome of each keyword that was said, in order of time
    unknown : outcome of each unknown word
    false : every detection of a word that was not said: false accepts and wrong words
    seconds : of audio
    false_accepts : rates on noise, unknown words and talk; the hours of a kind are those between the beginning and end
        of its labels, plus the tolerance (noise: the rest)
    """

    words: tuple[Outcome, ...] = ()
    unknown: tuple[Outcome, ...] = ()
    false: tuple[Detection, ...] = ()
    seconds: float = 0.0
    false_accepts: dict[str, Rate] = field(default_factory=lambda: dict.fromkeys(KINDS, Rate()))

    def __add__(self, other: "StreamScore") -> "StreamScore":
        rates = {kind: self.false_accepts[kind] + other.false_accepts[kind] for kind in KINDS}
        return StreamScore(
            self.words + other.words,
            self.unknown + other.unknown,
            self.false + other.false,
            self.seconds + other.seconds,
            rates,
        )

    @property
    def hits(self) -> Share:
        """Share of the keywords said that were detected."""
        return Share(sum(outcome.hit for outcome in self.words), len(self.words))

    @property
    def wrong(self) -> Share:
        """Share of the keywords said for which another keyword was detected."""
        return Share(sum(bool(outcome.wrong) for outcome in self.words), len(self.words))

    @property
    def n_doubles(self) -> int:
        """Number of repeated detections."""
        return sum(outcome.n_doubles for outcome in self.words)

    @property
    def unknown_fired(self) -> Share:
        """Share of the unknown words for which a keyword was detected."""
        return Share(sum(outcome.hit for outcome in self.unknown), len(self.unknown))

    def per_word(self) -> dict[str, Share]:
        """Return the hits of each keyword, in alphabetical order."""
        shares: dict[str, Share] = {}
        for outcome in sorted(self.words, key=lambda outcome: outcome.label.word):
            word = outcome.label.word
            shares[word] = shares.get(word, Share(0, 0)) + Share(int(outcome.hit), 1)
        return shares

    def delays(self) -> tuple[float, float] | None:
        """Return median and 95th percentile of the delay from the word's end, in seconds of audio; None: no hits."""
        delays = [outcome.delay_seconds for outcome in self.words if outcome.delay_seconds is not None]
        return (float(np.median(delays)), float(np.quantile(delays, 0.95))) if delays else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        delays = self.delays()
        return {
            "hits": self.hits.to_dict(),
            "missed": self.hits.n - self.hits.count,
            "wrong": self.wrong.to_dict(),
            "doubles": self.n_doubles,
            "unknown_fired": self.unknown_fired.to_dict(),
            "false_accepts": {KINDS[kind]: rate.to_dict() for kind, rate in self.false_accepts.items()},
            "delay_median_seconds": delays and round(delays[0], 4),
            "delay_95_seconds": delays and round(delays[1], 4),
            "per_word": {word: share.to_dict() for word, share in self.per_word().items()},
        }


def score_stream(
    detections: Iterable[Detection],
    labels: Sequence[Label],
    seconds: float,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> StreamScore:
    """Match detections with labels.

    A detection can belong to a label if it was decided after the label's beginning and at most ``tolerance_seconds``
    after its end. Of several such labels it goes to the earliest with the same word that has no detection yet, else
    to the latest with the same word (a double), else to the latest one (a wrong word, or a false accept on an
    unknown word or talk). A detection that belongs to no label is a false accept on noise.

    Parameters
    ----------
    detections : of the recording
    labels : in order of time, without overlap
    seconds : length of the recording
    tolerance_seconds : at least 0
    """
    told: list[list[Detection]] = [[] for _ in labels]
    on_noise: list[Detection] = []
    for detection in sorted(detections, key=lambda event: event.decided_position):
        at = detection.decided_position / SAMPLE_RATE_HZ
        near = [
            i for i, label in enumerate(labels) if label.begin_seconds < at <= label.end_seconds + tolerance_seconds
        ]
        own = [i for i in near if labels[i].word == detection.keyword]
        new = [i for i in own if all(event.keyword != detection.keyword for event in told[i])]
        if near:
            told[new[0] if new else own[-1] if own else near[-1]].append(detection)
        else:
            on_noise.append(detection)
    counts = {UNKNOWN: 0, SPEECH_LABEL: 0, NOISE: len(on_noise)}
    words, unknown = [], []
    for label, events in zip(labels, told, strict=True):
        if label.word in counts:
            counts[label.word] += len(events)
            if label.word == UNKNOWN:
                unknown.append(Outcome(label, bool(events)))
        else:
            words.append(_outcome(label, events))
    seconds_of = _exposure(labels, seconds, tolerance_seconds)
    false = [
        event for label, events in zip(labels, told, strict=True) for event in events if event.keyword != label.word
    ]
    return StreamScore(
        tuple(words),
        tuple(unknown),
        tuple(sorted((*false, *on_noise), key=lambda event: event.decided_position)),
        seconds,
        {kind: Rate(counts[kind], seconds_of[kind] / 3600) for kind in KINDS},
    )


def _outcome(label: Label, events: Sequence[Detection]) -> Outcome:
    own = [event for event in events if event.keyword == label.word]
    wrong = tuple(event.keyword for event in events if event.keyword != label.word)
    if not own:
        return Outcome(label, False, wrong=wrong)
    decided = own[0].decided_position
    return Outcome(label, True, decided / SAMPLE_RATE_HZ - label.end_seconds, decided, wrong, len(own) - 1)


def _exposure(labels: Sequence[Label], seconds: float, tolerance_seconds: float) -> dict[str, float]:
    """Return the seconds in which a detection counts against each kind; a label ends where the next begins."""
    spent = dict.fromkeys(KINDS, 0.0)
    spent[NOISE] = seconds
    for label, following in zip(labels, (*(other.begin_seconds for other in labels[1:]), seconds), strict=False):
        length = max(0.0, min(label.end_seconds + tolerance_seconds, following) - label.begin_seconds)
        spent[NOISE] -= length
        if label.word in spent:
            spent[label.word] += length
    spent[NOISE] = max(0.0, spent[NOISE])
    return spent


@dataclass(frozen=True)
class LabelledRun:
    """A model's output for a recording, and its labels."""

    run: RecordedRun
    labels: tuple[Label, ...]

    def score(self, settings: DecisionSettings) -> StreamScore:
        """Score it with other settings, without running the model again."""
        return score_stream(self.run.decide(settings), self.labels, self.run.seconds)


def stream_pairs(stream: Path, labels: Path | None = None) -> list[tuple[Path, Path]]:
    """Return a recording and its labels or, for a folder, every sound file with a CSV of the same name next to it.

    Raises
    ------
    DatasetError
        If there is none.
    """
    if not stream.is_dir():
        return [(stream, labels or stream.with_suffix(".csv"))]
    pairs = [(path, path.with_suffix(".csv")) for path in sound_files(stream) if path.with_suffix(".csv").is_file()]
    if labels is not None or not pairs:
        raise DatasetError(f"{stream} must contain pairs such as room.flac and room.csv; then --labels is not needed")
    return pairs


def measure_stream(
    model: Model,
    settings: DecisionSettings,
    stream: Path,
    labels: Path,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> tuple[LabelledRun, StreamScore]:
    """Run a model over a labelled recording and score it.

    Parameters
    ----------
    model, settings : the model and its decision settings
    stream, labels : a sound file and its CSV
    keep : a folder in which the model's output is saved and reused
    progress : called with the number of seconds just processed

    Raises
    ------
    KwsLiveError
        If the recording or its labels cannot be used.
    """
    samples, rate_hz = read_own_rate(stream)
    seconds = samples.size / rate_hz
    if seconds < WINDOW_SECONDS:
        raise DatasetError(f"{stream} is {seconds:.2f} s long; a stream must have at least one window of 1 s")
    read = read_labels(labels, model.card.keywords, seconds)  # before the model runs for an hour
    run, detections = record_kept(model, settings, samples, rate_hz, keep, progress)
    return LabelledRun(run, read), score_stream(detections, read, run.seconds)
