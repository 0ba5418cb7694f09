"""The bank of negatives in a model folder: speech and noise, to train a word against and to choose its bias on.

The speech of many speakers is kept as one mean vector. At most a minute of each, and noise, is also kept hop by hop as
the live pipeline saw it, so that the decision itself can be run on it. Audio cannot be recovered from either.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, SILENCE
from kws_live.enrolment.classifier import fit
from kws_live.errors import ModelError
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.model.taught_words import SPAN_HOPS, Numbers, vectors_of
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.system.array_file import read_arrays

FORMAT: Final = 2
GAP_HOPS: Final = 40
"""Positions left out between two recordings, so that the decision treats each as a separate stream."""

STEP: Final = 0.25
"""Quantisation step of embeddings, whose standard deviation is 1: finer steps enlarge the file without a benefit."""


@dataclass(frozen=True, eq=False)
class Bank:
    """What a new word is trained against and measured on.

    Attributes
    ----------
    mean : float32 (VECTOR_SIZE,), mean vector of speech
    stream : float32 (n_hops, EMBEDDING_SIZE), embeddings of speech and noise, hop by hop
    gate_open : bool (n_hops,)
    levels_db : float32 (n_hops, levels per hop)
    posteriors : float32 (n_hops, n_labels), of the network; zeros while the gate was closed
    labels : of the network
    starts : first hop of each recording in the stream
    words : words of the network with clips in the bank
    word_clips : float32 (n_words, n_clips, n_hops, EMBEDDING_SIZE), the hops around the end of each clip's word
    gate_mode : of the run that made the stream
    """

    mean: NDArray[np.float32]
    stream: NDArray[np.float32]
    gate_open: NDArray[np.bool_]
    levels_db: NDArray[np.float32]
    posteriors: NDArray[np.float32]
    labels: tuple[str, ...]
    starts: NDArray[np.int64]
    words: tuple[str, ...]
    word_clips: NDArray[np.float32]
    gate_mode: int = 1

    @property
    def hours(self) -> float:
        """Duration of the stream."""
        return len(self.stream) * HOP_SECONDS / 3600

    @cached_property
    def _lengths(self) -> NDArray[np.float32]:
        """Length of the vector that ends at each hop, before normalisation; inf for hops without a vector."""
        squares = np.square(self.stream).sum(axis=1)
        sums = np.convolve(squares, np.ones(SPAN_HOPS))[: len(squares)]
        lengths = np.sqrt(np.maximum(sums, 1e-9))
        lengths[: SPAN_HOPS - 1] = np.inf
        return np.asarray(lengths, dtype=np.float32)

    @cached_property
    def _word_means(self) -> NDArray[np.float32]:
        return np.stack([np.mean([vectors_of(clip) for clip in clips], axis=(0, 1)) for clips in self.word_clips])

    @cached_property
    def others(self) -> NDArray[np.float32]:
        """The mean that a word is separated from, shape (VECTOR_SIZE,): half talk, half lone words.

        From talk alone it would be separated by the quiet around it, too, which a knock and any other lone word share.
        """
        return np.asarray((self.mean + self._word_means.mean(axis=0)) / 2, dtype=np.float32)

    @cached_property
    def word_weights(self) -> NDArray[np.float32]:
        """Weights of ``words``, fitted to ``word_clips`` as for a taught word; float32 (n_words, VECTOR_SIZE)."""
        return np.stack([fit(mean, self.others) for mean in self._word_means])

    @cached_property
    def word_products(self) -> NDArray[np.float32]:
        """`products` of each of ``words``, shape (n_hops, n_words)."""
        return np.stack([self.products(weights) for weights in self.word_weights], axis=1)

    @property
    def said(self) -> NDArray[np.float32]:
        """The network's posteriors of ``words``, shape (n_hops, n_words)."""
        return self.posteriors[:, [self.labels.index(word) for word in self.words]]

    def products(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the products of a word's weights with the vector that ends at each hop, shape (n_hops,)."""
        found = np.zeros(len(self.stream), np.float32)
        for back, part in enumerate(weights.reshape(SPAN_HOPS, -1)[::-1]):
            found[back:] += (self.stream @ part)[: len(found) - back]
        return found / self._lengths

    def recorded(self, word: str, scores: Numbers) -> RecordedRun:
        """Return the stream as the run of a model with one word, for a decision with any settings.

        Parameters
        ----------
        word : its name
        scores : (n_hops,), of each hop
        """
        recording = np.searchsorted(self.starts, np.arange(len(scores)), side="right") - 1
        positions = (np.arange(1, len(scores) + 1) + recording * GAP_HOPS) * HOP_SAMPLES
        silence = self.posteriors[:, self.labels.index(SILENCE)]
        return RecordedRun(
            model=word,
            labels=(word, SILENCE),
            keywords=(word,),
            gate_mode=self.gate_mode,
            seconds=float(positions[-1]) / SAMPLE_RATE_HZ,
            positions=positions.astype(np.int64),
            gate_open=self.gate_open,
            levels_db=self.levels_db,
            posteriors=np.stack([scores, silence], axis=1)[self.gate_open].astype(np.float32),
            cpu_seconds=np.zeros(len(scores), np.float32),
        )

    def to_bytes(self) -> bytes:
        """Return the content of ``negatives.npz``: embeddings in steps of `STEP`, posteriors in 8 bits."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            format=FORMAT,
            mean=self.mean.astype(np.float32),
            stream=_packed(self.stream),
            word_clips=_packed(self.word_clips),
            gate_open=self.gate_open,
            levels_db=np.clip(np.rint(self.levels_db), -120, 0).astype(np.int8),
            posteriors=np.rint(self.posteriors * 255).astype(np.uint8),
            labels=np.array(self.labels),
            starts=self.starts,
            words=np.array(self.words),
            gate_mode=np.array(self.gate_mode),
        )
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> "Bank":
        """Read a bank.

        Raises
        ------
        ModelError
            If it cannot be used.
        """
        try:
            stored = read_arrays(path.read_bytes())
            if int(stored["format"]) != FORMAT:
                raise ValueError(f"format {int(stored['format'])}; this version reads format {FORMAT}")
            return cls(
                mean=stored["mean"],
                stream=stored["stream"].astype(np.float32) * np.float32(STEP),
                word_clips=stored["word_clips"].astype(np.float32) * np.float32(STEP),
                gate_open=stored["gate_open"],
                levels_db=stored["levels_db"].astype(np.float32),
                posteriors=stored["posteriors"].astype(np.float32) / np.float32(255),
                labels=tuple(stored["labels"].tolist()),
                starts=stored["starts"],
                words=tuple(stored["words"].tolist()),
                gate_mode=int(stored["gate_mode"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{path} is not a bank of negatives: {error}; get a complete copy of the model folder"
            ) from error


def _packed(embeddings: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.asarray(np.clip(np.rint(embeddings / STEP), -127, 127), dtype=np.int8)


def stream_of(runs: Sequence[RecordedRun], embeddings: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[np.generic]]:
    """Return the stream's arrays from a model's runs and the embeddings of every hop of each."""
    posteriors = []
    for run in runs:
        whole = np.zeros((len(run.positions), len(run.labels)), np.float32)
        whole[run.gate_open] = run.posteriors
        posteriors.append(whole)
    lengths = [len(run.positions) for run in runs]
    return {
        "stream": np.concatenate(embeddings),
        "posteriors": np.concatenate(posteriors),
        "gate_open": np.concatenate([run.gate_open for run in runs]),
        "levels_db": np.concatenate([run.levels_db for run in runs]),
        "starts": np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
    }
