"""What taught words are tried on, for scripts/prove_teaching: clips of the words, and hours that hold none of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from speakers import SPEAKERS
from train_embedding import embedding_model

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.evaluation.recorded_run import RecordedRun, record
from kws_live.evaluation.talk import Sentence, join_chapters
from kws_live.model import Model
from kws_live.sources.array import ArraySource
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings

PAUSE_SECONDS: Final = 8.0
"""Half before each clip and half after it: as long as the decision remembers a room."""

ROOM_VARIES_DB: Final = 10.0
WORD_ABOVE_ROOM_DB: Final = 25.0
"""What is louder than a clip's softest tenth by more than the one, or below its loudest moment by less than the other,
is the word: were it taken for the room, pieces of the word would come again and again."""

TOLERANCE_SECONDS: Final = 1.0
"""After the end of a clip that its word may still be told."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A word taught once."""

    word: str
    n_takes: int
    seed: int
    takes: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: float
    longest_word_seconds: float


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording that the network has run over.

    Attributes
    ----------
    run : posteriors, then the embedding
    samples : float32 at 16 kHz
    names, spans : of the clips in it, and where each begins and ends, seconds
    utterances : what is said in it, where that is known
    """

    run: RecordedRun
    samples: Samples
    names: tuple[str, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    utterances: tuple[Sentence, ...] = ()

    def hits(self, told: Sequence[float], takes: Sequence[str]) -> tuple[int, int]:
        """Clips during which the word was told, at these seconds, and clips, without those it was taught with."""
        used = {Path(take).name for take in takes}
        spans = [span for clip, span in zip(self.names, self.spans, strict=True) if clip not in used]
        return sum(any(begin < at <= end + TOLERANCE_SECONDS for at in told) for begin, end in spans), len(spans)

    def says(self, word: str, seconds: float) -> bool:
        """Whether the transcript has the word where the window that ends then reaches into."""
        near = (one for one in self.utterances if one.begin_seconds < seconds and one.end_seconds > seconds - 2)
        return any(f" {word.replace('_', ' ').upper()} " in f" {' '.join(one.words)} " for one in near)


def negatives(data: Path) -> Iterator[tuple[Samples, tuple[Sentence, ...]]]:
    """Talk, with what is said in it, and noise."""
    for speaker in sorted((data / "speech" / "librispeech").iterdir()):
        if speaker.is_dir() and speaker.name not in SPEAKERS:
            yield from ((samples, said) for _, samples, said in join_chapters(speaker))
    for kind in sorted((data / "noise").iterdir()):
        folders = [kind, *(folder for folder in sorted(kind.iterdir()) if folder.is_dir())]
        paths = [path for folder in folders for path in sound_files(folder)]
        if paths:
            yield np.concatenate([read_mono(path, SPEECH_RATE_HZ) for path in paths]), ()


def run_stream(
    model: Model,
    samples: Samples,
    names: Sequence[str] = (),
    spans: Sequence[tuple[float, float]] = (),
    utterances: tuple[Sentence, ...] = (),
) -> Stream:
    """Run the network over a recording."""
    settings = DecisionSettings(thresholds=dict(model.card.thresholds))
    run, _ = record(embedding_model(model), settings, ArraySource(samples, SPEECH_RATE_HZ))
    return Stream(run, samples, tuple(names), tuple(spans), utterances)


def word_stream(model: Model, folder: Path) -> Stream:
    """Every clip of a word, one after the other; each clip's own room goes on for half of the pauses beside it.

    A microphone has one room: after a quieter one, the noise of a clip would be taken for speech before the word.
    """
    rng = np.random.default_rng(0)
    paths = sound_files(folder)
    pause = round(PAUSE_SECONDS * SPEECH_RATE_HZ)
    parts: list[Samples] = []
    spans = []
    at = 0
    for path in paths:
        clip = read_mono(path, SPEECH_RATE_HZ)
        room = room_of(clip, rng)
        before, after = np.resize(room, pause // 2)[::-1], np.resize(room, pause // 2)
        parts += [before, clip, after]
        spans.append(((at + pause // 2) / SPEECH_RATE_HZ, (at + pause // 2 + clip.size) / SPEECH_RATE_HZ))
        at += pause // 2 * 2 + clip.size
    samples = np.concatenate(parts)
    return run_stream(model, samples, [path.name for path in paths], spans)


def room_of(clip: Samples, rng: np.random.Generator) -> Samples:
    """The longest quiet stretch, to and fro so that it joins itself; faint noise where there is too little."""
    frame, least = SPEECH_RATE_HZ // 100, SPEECH_RATE_HZ // 10
    frames = clip[: clip.size // frame * frame].reshape(-1, frame)
    levels = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-10)
    floor, below_word = float(np.quantile(levels, 0.1)), float(levels.max()) - WORD_ABOVE_ROOM_DB
    quiet = np.flatnonzero(levels < min(floor + ROOM_VARIES_DB, below_word))
    longest = max(np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1), key=len)
    beside = frames[longest].ravel()
    if len(beside) < least:  # the word fills the clip
        beside = (10 ** (min(floor, below_word) / 20) * rng.standard_normal(least)).astype(np.float32)
    return np.concatenate([beside, beside[::-1]])
