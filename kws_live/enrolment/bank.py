"""The bank of negatives in a model folder: what is not the word, as embeddings, and a little noise as spectra.

One part is for fitting; the other, of other speakers, is held out: talk and noise in the order they came, hop by hop
as the live pipeline saw them, so that the decision itself can be run on it. No sound can be made of either.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, SILENCE
from kws_live.enrolment.classifier import fit
from kws_live.errors import ModelError
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.model.features import Features
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.system.array_file import read_arrays

FORMAT: Final = 1
GAP_HOPS: Final = 40
"""Positions left out between two recordings: to the decision each is a stream of its own."""

_PIXEL_DB, _PIXEL_ZERO_DB = 0.5, -70.0


@dataclass(frozen=True, eq=False)
class Bank:
    """What a new word is fitted against and judged on.

    Attributes
    ----------
    negatives : float32 (n, size), embeddings of other words, talk and noise of training speakers
    noise : float32 dB (n, n_frames, n_mels), windows of noise to mix in
    stream : float32 (n_hops, size), embeddings of held-out talk and noise, hop after hop; zeros where the gate was shut
    gate_open : bool (n_hops,)
    levels_db : float32 (n_hops, levels per hop)
    silence : float32 (n_hops,), the base network's posterior of silence
    word_scores : float32 (n_hops, n_words), its posteriors of ``words``; None in a bank made without them
    starts : first hop of each recording in the stream
    words : the words of ``word_clips``
    word_clips : float32 (n_words, n_clips, size), held-out clips of each
    gate_mode : of the run that made the stream
    """

    negatives: NDArray[np.float32]
    noise: Features
    stream: NDArray[np.float32]
    gate_open: NDArray[np.bool_]
    levels_db: NDArray[np.float32]
    silence: NDArray[np.float32]
    starts: NDArray[np.int64]
    words: tuple[str, ...]
    word_clips: NDArray[np.float32]
    gate_mode: int = 1
    word_scores: NDArray[np.float32] | None = None

    @property
    def hours(self) -> float:
        """Of held-out talk and noise."""
        return len(self.stream) * HOP_SECONDS / 3600

    @cached_property
    def word_weights(self) -> NDArray[np.float32]:
        """Weights of ``words``, from ``word_clips``, as a taught word's are made; float32 (n_words, size)."""
        return np.stack([fit(clips, self.negatives) for clips in self.word_clips])

    def recorded(self, word: str, scores: NDArray[np.float32]) -> RecordedRun:
        """The held-out stream as a run of a model that knows one word, to be decided with any settings.

        Parameters
        ----------
        word : its name
        scores : float32 (n_hops,), of each hop
        """
        recording = np.searchsorted(self.starts, np.arange(len(scores)), side="right") - 1
        positions = (np.arange(1, len(scores) + 1) + recording * GAP_HOPS) * HOP_SAMPLES
        posteriors = np.stack([scores, self.silence], axis=1)[self.gate_open].astype(np.float32)
        return RecordedRun(
            model=word,
            labels=(word, SILENCE),
            keywords=(word,),
            gate_mode=self.gate_mode,
            seconds=float(positions[-1]) / SAMPLE_RATE_HZ,
            positions=positions.astype(np.int64),
            gate_open=self.gate_open,
            levels_db=self.levels_db,
            posteriors=posteriors,
            cpu_seconds=np.zeros(len(scores), np.float32),
        )

    def to_bytes(self) -> bytes:
        """The content of ``negatives.npz``: embeddings in 8 bits, spectra in steps of half a dB."""
        largest = max(float(np.abs(part).max()) for part in (self.negatives, self.stream, self.word_clips))
        buffer = io.BytesIO()
        own: dict[str, Any] = (
            {} if self.word_scores is None else {"word_scores": np.rint(self.word_scores * 255).astype(np.uint8)}
        )
        np.savez_compressed(
            buffer,
            format=FORMAT,
            scale=largest / 127,
            **{
                name: np.rint(getattr(self, name) / (largest / 127)).astype(np.int8)
                for name in ("negatives", "stream", "word_clips")
            },
            noise=np.clip(np.rint((self.noise - _PIXEL_ZERO_DB) / _PIXEL_DB), 0, 255).astype(np.uint8),
            gate_open=self.gate_open,
            levels_db=np.clip(np.rint(self.levels_db), -120, 0).astype(np.int8),
            silence=np.rint(self.silence * 255).astype(np.uint8),
            starts=self.starts,
            words=np.array(self.words),
            gate_mode=self.gate_mode,
            **own,
        )
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> "Bank":
        """Read it.

        Raises
        ------
        ModelError
            If it cannot be used.
        """
        try:
            stored = read_arrays(path.read_bytes())
            if int(stored["format"]) != FORMAT:
                raise ValueError(f"format {int(stored['format'])}; this version reads format {FORMAT}")
            scale = np.float32(stored["scale"])
            return cls(
                **{name: stored[name].astype(np.float32) * scale for name in ("negatives", "stream", "word_clips")},
                noise=stored["noise"].astype(np.float32) * np.float32(_PIXEL_DB) + np.float32(_PIXEL_ZERO_DB),
                gate_open=stored["gate_open"],
                levels_db=stored["levels_db"].astype(np.float32),
                silence=stored["silence"].astype(np.float32) / np.float32(255),
                starts=stored["starts"],
                words=tuple(stored["words"].tolist()),
                gate_mode=int(stored["gate_mode"]),
                word_scores=stored["word_scores"].astype(np.float32) / np.float32(255)
                if "word_scores" in stored
                else None,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} is no bank of negatives: {error}; take the model folder again") from error


def stream_of(
    runs: Sequence[RecordedRun], n_labels: int, silence: int, words: Sequence[int]
) -> dict[str, NDArray[np.generic]]:
    """The stream's arrays from runs of a scorer whose outputs are posteriors, then the embedding.

    Parameters
    ----------
    runs : one for each recording
    n_labels : how many outputs are posteriors
    silence : which of them is silence's
    words : which of them are of the bank's words
    """
    stream, quiet, said = [], [], []
    for run in runs:
        size = run.posteriors.shape[1] - n_labels
        embeddings = np.zeros((len(run.positions), size), np.float32)
        embeddings[run.gate_open] = run.posteriors[:, n_labels:]
        of_silence = np.ones(len(run.positions), np.float32)
        of_silence[run.gate_open] = run.posteriors[:, silence]
        stream.append(embeddings)
        quiet.append(of_silence)
        of_words = np.zeros((len(run.positions), len(words)), np.float32)
        of_words[run.gate_open] = run.posteriors[:, words]
        said.append(of_words)
    lengths = [len(part) for part in stream]
    return {
        "stream": np.concatenate(stream),
        "silence": np.concatenate(quiet),
        "word_scores": np.concatenate(said),
        "gate_open": np.concatenate([run.gate_open for run in runs]),
        "levels_db": np.concatenate([run.levels_db for run in runs]),
        "starts": np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
    }
