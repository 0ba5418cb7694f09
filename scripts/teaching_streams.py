"""Test streams for taught words, for scripts/prove_teaching: clips of the words, and hours without them."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from teaching_speech import proof_talk, talk_of

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ, Samples
from kws_live.evaluation.recorded_run import RecordedRun, record_kept
from kws_live.evaluation.talk import Sentence
from kws_live.model import Model
from kws_live.model.speech_embedding import EMBEDDING_NAME, SEEN_FRAMES, STEP_FRAMES
from kws_live.model.taught_words import SPAN_HOPS, vectors_of
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings

PAUSE_SECONDS: Final = 8.0
"""Half before each clip and half after it: as long as the decision's memory of a room."""

ROOM_VARIES_DB: Final = 10.0
WORD_ABOVE_ROOM_DB: Final = 25.0
"""Audio louder than a clip's softest tenth by more than the first, or below its loudest moment by less than the second,
counts as the word, because used as room sound it would repeat parts of the word."""

HOPS_AT_ONCE: Final = 750
"""One minute: amount embedded at a time, to limit memory."""

TOLERANCE_SECONDS: Final = 1.0
"""Time after the end of a clip in which its word may still be detected."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording with the output of the network and the embedding.

    Attributes
    ----------
    run : the network's
    vectors : float32 (n_open_hops, VECTOR_SIZE), from which taught words are scored
    samples : float32 at 16 kHz
    names, spans : of the clips in it; begin and end in seconds
    utterances : sentences in it, if known
    """

    run: RecordedRun
    vectors: NDArray[np.float32]
    samples: Samples
    names: tuple[str, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    utterances: tuple[Sentence, ...] = ()

    def hits(self, told: Sequence[float], names: Collection[str]) -> tuple[int, int]:
        """Return the number of the named clips with a detection at one of these seconds, and the number of clips."""
        spans = [span for name, span in zip(self.names, self.spans, strict=True) if name in names]
        return sum(any(begin < at <= end + TOLERANCE_SECONDS for at in told) for begin, end in spans), len(spans)

    def says(self, word: str, seconds: float) -> bool:
        """Whether the word is in the transcript of an utterance that overlaps the window ending then."""
        near = (one for one in self.utterances if one.begin_seconds < seconds and one.end_seconds > seconds - 2)
        return any(f" {word.replace('_', ' ').upper()} " in f" {' '.join(one.words)} " for one in near)


def run_stream(model: Model, samples: Samples, keep: Path | None = None) -> Stream:
    """Run the network and the embedding on a recording.

    Parameters
    ----------
    model : without taught words
    samples : float32 at 16 kHz
    keep : a folder in which their output is saved and reused; empty it when the code has changed
    """
    settings = DecisionSettings(thresholds=dict(model.card.thresholds))
    run, _ = record_kept(model, settings, samples, SPEECH_RATE_HZ, keep)
    network = (model.folder / EMBEDDING_NAME).read_bytes()
    path = keep and keep / f"vectors-{hashlib.sha256(network + samples.tobytes()).hexdigest()[:16]}.npy"
    if path and path.is_file():
        return Stream(run, np.load(path).astype(np.float32), samples)
    # A run extends a little beyond its recording.
    before, after = (SPAN_HOPS - 1) * round(HOP_SECONDS * SPEECH_RATE_HZ), 2 * SPEECH_RATE_HZ
    embeddings = every_hop(model, np.pad(samples, (before, after)))
    vectors = vectors_of(embeddings)[: len(run.positions)][run.gate_open]
    if path:
        np.save(path, vectors.astype(np.float16))
    return Stream(run, vectors, samples)


def every_hop(model: Model, samples: Samples) -> NDArray[np.float32]:
    """Return the embedding at the end of each hop, with silence before the first, shape (n_hops, EMBEDDING_SIZE)."""
    settings = model.card.features
    silence = settings.frame_samples + (SEEN_FRAMES - 1) * settings.hop_samples - round(HOP_SECONDS * SPEECH_RATE_HZ)
    led = np.concatenate((np.zeros(silence, np.float32), samples))
    n_embeddings = (led.size - silence) // (STEP_FRAMES * settings.hop_samples)
    parts, embedding = [], model.embedding()
    for first in range(0, n_embeddings, HOPS_AT_ONCE):
        n_frames = SEEN_FRAMES + (min(HOPS_AT_ONCE, n_embeddings - first) - 1) * STEP_FRAMES
        begin = first * STEP_FRAMES * settings.hop_samples
        stretch = led[begin : begin + settings.frame_samples + (n_frames - 1) * settings.hop_samples]
        parts.append(embedding.of(model.rows(stretch)[:, settings.n_mfcc :]))
    return np.concatenate(parts)


def negatives(model: Model, data: Path, keep: Path | None = None) -> Iterator[Stream]:
    """Yield talk, with its sentences, and noise."""
    for folder in proof_talk(data):
        for samples, said in talk_of(folder):
            yield replace(run_stream(model, samples, keep), utterances=said)
    for kind in sorted((data / "noise").iterdir()):
        folders = [kind, *(folder for folder in sorted(kind.iterdir()) if folder.is_dir())]
        paths = [path for folder in folders for path in sound_files(folder)]
        if paths:
            yield run_stream(model, np.concatenate([read_mono(path, SPEECH_RATE_HZ) for path in paths]), keep)


def clips_stream(
    model: Model, paths: Sequence[Path], keep: Path | None = None, noise: Samples | None = None, snr_db: float = 10.0
) -> Stream:
    """Join clips; half of each pause is filled with the room sound of the adjacent clip.

    A microphone has one room: after a quieter one, the noise of a clip would be taken for speech before the word.

    Parameters
    ----------
    model, keep : see `run_stream`
    paths : of the clips
    noise : mixed with all of it, float32 at 16 kHz, at ``snr_db`` relative to each word
    snr_db : level of the word above the noise
    """
    rng = np.random.default_rng(0)
    pause = round(PAUSE_SECONDS * SPEECH_RATE_HZ)
    parts: list[Samples] = []
    spans = []
    at = 0
    for path in paths:
        clip = read_mono(path, SPEECH_RATE_HZ)
        room = room_of(clip, rng)
        before, after = np.resize(room, pause // 2)[::-1], np.resize(room, pause // 2)
        part = np.concatenate([before, clip, after])
        if noise is not None:
            start = int(rng.integers(noise.size - part.size))
            sound = noise[start : start + part.size]
            loudest = np.sort(clip[: clip.size // 160 * 160].reshape(-1, 160).var(axis=1))[-20:].mean()
            part = part + sound * np.sqrt(loudest / max(float(sound.var()), 1e-12) / 10 ** (snr_db / 10))
        parts.append(part.astype(np.float32))
        spans.append(((at + pause // 2) / SPEECH_RATE_HZ, (at + pause // 2 + clip.size) / SPEECH_RATE_HZ))
        at += part.size
    names = tuple(path.name for path in paths)
    return replace(run_stream(model, np.concatenate(parts), keep), names=names, spans=tuple(spans))


def room_of(clip: Samples, rng: np.random.Generator) -> Samples:
    """Return the longest quiet stretch, forwards and backwards so that it can repeat, or faint noise if too short."""
    frame, least = SPEECH_RATE_HZ // 100, SPEECH_RATE_HZ // 10
    frames = clip[: clip.size // frame * frame].reshape(-1, frame)
    levels = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-10)
    floor, below_word = float(np.quantile(levels, 0.1)), float(levels.max()) - WORD_ABOVE_ROOM_DB
    quiet = np.flatnonzero(levels < min(floor + ROOM_VARIES_DB, below_word))
    longest = max(np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1), key=len)
    room = frames[longest].ravel()
    if len(room) < least:  # the word fills the clip
        room = (10 ** (min(floor, below_word) / 20) * rng.standard_normal(least)).astype(np.float32)
    return np.concatenate([room, room[::-1]])
