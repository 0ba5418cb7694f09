"""Accuracy on one-second clips, each scored as one window and classified by its highest posterior, as is usual.

It measures how well the network distinguishes words, not how the detector behaves; for that see `streaming`.

References
----------
P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209, 2018, section 7:
twelve classes, the ten words, unknown words and silence (that is, noise).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SILENCE, SPEECH_RATE_HZ, UNKNOWN, Samples
from kws_live.detection import make_gate
from kws_live.errors import DatasetError
from kws_live.evaluation.intervals import NOTHING, Share
from kws_live.evaluation.recorded_run import Progress
from kws_live.model import Model
from kws_live.model.scorer import Posteriors
from kws_live.sources.recordings import fit, read_mono
from kws_live.sources.sound_folder import sound_files, subfolders
from kws_live.spotting.decision_settings import DecisionSettings

SHARES: Final = ("accuracy", "ten_words", "unknown_fired", "noise_fired", "gate_passed")


@dataclass(frozen=True)
class Clip:
    """A labelled recording.

    Attributes
    ----------
    path : the sound file
    label : a label of the model, ``_unknown_`` or ``_silence_``
    """

    path: Path
    label: str


@dataclass(frozen=True, eq=False)
class ClipScore:
    """A model's classification of clips.

    Attributes
    ----------
    labels, keywords : of the model
    truth : class of each clip
    posteriors : float32 (n_clips, n_labels)
    gate_opened : whether the voice-activity gate opened anywhere in each clip
    """

    labels: tuple[str, ...]
    keywords: tuple[str, ...]
    truth: tuple[str, ...]
    posteriors: NDArray[np.float32]
    gate_opened: tuple[bool, ...] = ()

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """The label with the highest posterior, for each clip."""
        return tuple(self.labels[i] for i in self.posteriors.argmax(axis=1))

    @property
    def right(self) -> tuple[bool, ...]:
        """Whether each clip was classified correctly."""
        return tuple(truth == answer for truth, answer in zip(self.truth, self.answers, strict=True))

    @property
    def accuracy(self) -> Share:
        """Share of clips classified correctly, over all classes of the network."""
        return self._share(self.labels, fired=False)

    @property
    def ten_words(self) -> Share:
        """Share of keyword clips classified correctly, among all labels."""
        return self._share(self.keywords, fired=False)

    @property
    def unknown_fired(self) -> Share:
        """Share of clips of other words classified as a keyword."""
        return self._share((UNKNOWN,), fired=True)

    @property
    def noise_fired(self) -> Share:
        """Share of noise clips classified as a keyword."""
        return self._share((SILENCE,), fired=True)

    @property
    def gate_passed(self) -> Share:
        """Share of keyword clips that open the voice-activity gate in its default mode."""
        opened = [
            is_open for truth, is_open in zip(self.truth, self.gate_opened, strict=False) if truth in self.keywords
        ]
        return Share(sum(opened), len(opened))

    def _share(self, classes: Sequence[str], fired: bool) -> Share:
        answers = [(truth, answer) for truth, answer in zip(self.truth, self.answers, strict=True) if truth in classes]
        counted = sum(answer in self.keywords if fired else truth == answer for truth, answer in answers)
        return Share(counted, len(answers))

    def recall(self) -> dict[str, Share]:
        """Return the recall of each class, in the order of the labels."""
        return {label: self._share((label,), fired=False) for label in self.labels if label in self.truth}

    def confusion(self) -> dict[str, dict[str, int]]:
        """Return class -> predicted class -> number of clips."""
        table: dict[str, dict[str, int]] = {}
        for truth, answer in zip(self.truth, self.answers, strict=True):
            row = table.setdefault(truth, dict.fromkeys(self.labels, 0))
            row[answer] += 1
        order = [*self.labels, *sorted(set(table) - set(self.labels))]
        return {label: table[label] for label in order if label in table}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: shares, and their intervals separately."""
        shares = {name: getattr(self, name) for name in SHARES}
        return {
            **{name: round(share.value, 5) if share.n else None for name, share in shares.items()},
            "n_clips": len(self.truth),
            "intervals": {name: [round(bound, 5) for bound in share.interval] for name, share in shares.items()},
            "recall": {label: share.to_dict() for label, share in self.recall().items()},
            "confusion": self.confusion(),
        }


def find_clips(folder: Path, labels: Sequence[str]) -> list[Clip]:
    """Return the clips in class folders; folders without a label of the model count as unknown words.

    Raises
    ------
    DatasetError
        If there are none.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; give a folder with one folder of clips per word")
    clips = [
        Clip(path, word.name if word.name in labels or word.name == SILENCE else UNKNOWN)
        for word in subfolders(folder)
        for path in sound_files(word)
    ]
    if not clips:
        raise DatasetError(f"{folder} contains no clips; it needs one folder of clips per word, such as {folder}/yes")
    return clips


def score_clips(model: Model, clips: Iterable[Clip], progress: Progress | None = None) -> ClipScore:
    """Score each clip as one window.

    Raises
    ------
    DatasetError
        If a clip cannot be read.
    """
    rate_hz = model.card.features.sample_rate_hz
    score = model.stream_scorer(HOP_SECONDS)
    truth: list[str] = []
    posteriors: list[NDArray[np.float32]] = []
    gate_opened: list[bool] = []
    for clip in clips:
        truth.append(clip.label)
        gate_opened.append(_opens_gate(read_mono(clip.path, SPEECH_RATE_HZ)))
        posteriors.append(
            comparable(model, model.posteriors(score, fit(read_mono(clip.path, rate_hz), rate_hz, "middle")))
        )
        if progress is not None:
            progress(1)
    labels = model.card.labels
    return ClipScore(
        labels,
        model.card.keywords,
        tuple(truth),
        np.array(posteriors, np.float32).reshape(-1, len(labels)),
        tuple(gate_opened),
    )


def comparable(model: Model, scores: Posteriors) -> Posteriors:
    """Adjust the scores of one window so that the highest gives its class.

    A taught word's score is not part of the posteriors that sum to 1: below its threshold it is ignored, and if it
    passes, "unknown" and "silence" are ignored.
    """
    words, labels, thresholds = model.taught, model.card.labels, model.card.thresholds
    if words is None:
        return scores
    passing = {word for word in words.names if scores[labels.index(word)] >= thresholds.get(word, np.inf)}
    without = {*words.user_words} - passing | ({UNKNOWN, SILENCE} if passing else set())
    return np.where([label in without for label in labels], np.float32(0), scores)


def _opens_gate(samples: Samples) -> bool:
    """Whether a clip at 16 kHz opens the gate, processed hop by hop as live."""
    gate = make_gate(DecisionSettings.gate_mode)
    hop = round(HOP_SECONDS * SPEECH_RATE_HZ)
    whole = np.pad(samples, (0, -samples.size % hop))
    return any(gate.is_open(whole[start : start + hop]) for start in range(0, whole.size, hop))


@dataclass(frozen=True)
class NoiseScore:
    """Share of seconds of noise classified as a keyword.

    Attributes
    ----------
    by_folder : kind of noise -> share of its one-second windows
    """

    by_folder: Mapping[str, Share]

    @property
    def fired(self) -> Share:
        """Share of all windows."""
        return sum(self.by_folder.values(), NOTHING)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"fired": self.fired.to_dict(), "by_folder": {name: s.to_dict() for name, s in self.by_folder.items()}}


def score_noise(model: Model, folder: Path, progress: Progress | None = None) -> NoiseScore:
    """Score recordings of noise second by second, without seconds of digital silence, which no microphone delivers.

    Raises
    ------
    DatasetError
        If there is none, or one cannot be read.
    """
    paths = sound_files(folder, deep=True)
    if not paths:
        raise DatasetError(f"{folder} contains no sound files")
    rate_hz = model.card.features.sample_rate_hz
    score = model.stream_scorer(HOP_SECONDS)
    shares: dict[str, Share] = {}
    for path in paths:
        for second in _seconds(read_mono(path, rate_hz), rate_hz):
            answer = model.card.labels[int(comparable(model, model.posteriors(score, second)).argmax())]
            shares[path.parent.name] = shares.get(path.parent.name, NOTHING) + Share(
                int(answer in model.card.keywords), 1
            )
        if progress is not None:
            progress(1)
    return NoiseScore(shares)


def _seconds(samples: Samples, rate_hz: int) -> Iterator[Samples]:
    for start in range(0, samples.size - rate_hz + 1, rate_hz):
        if samples[start : start + rate_hz].any():
            yield samples[start : start + rate_hz]
