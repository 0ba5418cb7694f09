"""The outputs of the networks as a take slides through the window."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.enrolment.takes import TakeFeatures
from kws_live.model import Model
from kws_live.model.features import Features
from kws_live.model.speech_embedding import STEP_FRAMES
from kws_live.model.taught_words import SPAN_FRAMES, vectors_of

AFTER_FRAMES: Final = 32
"""A word is learnt from the windows that end from its end up to this much later."""

PHASES: Final = (0, 2, 4, 6)
"""Frames by which the hops of a take are shifted, because their position in a stream is random."""

LATE_FRAMES: Final = 56
"""How far a take slides on after its word, because the score may last as long."""


@dataclass(frozen=True, eq=False)
class Hops:
    """The outputs as a take slides through the window, hop by hop.

    Attributes
    ----------
    vectors : float32 (n, VECTOR_SIZE), see `kws_live.model.taught_words.vectors_of`
    posteriors : float32 (n, n_labels), of the network
    """

    vectors: NDArray[np.float32]
    posteriors: NDArray[np.float32]


class Slider:
    """Runs a model's networks over takes.

    Parameters
    ----------
    model : one with an embedding
    """

    def __init__(self, model: Model) -> None:
        self._features = model.card.features
        self._embedding = model.embedding()
        self._network = model.scorer()

    def mean(self, take: TakeFeatures) -> NDArray[np.float32]:
        """Return the mean of the vectors from which a take is learnt."""
        return np.asarray(
            np.mean([self._vectors(take.rows, take.offset + at, AFTER_FRAMES) for at in PHASES], axis=(0, 1)),
            np.float32,
        )

    def _around(self, rows: Features) -> Features:
        """Return the rows, padded on both sides with enough of their background noise for every window."""
        loudness = rows[:, self._features.n_mfcc :].mean(axis=1)
        room = rows[np.argsort(loudness)[: max(3, len(loudness) // 10)]]
        beside = np.resize(room, (SPAN_FRAMES, room.shape[1]))
        return np.concatenate([beside, rows, beside])

    def _vectors(self, rows: Features, end: int, n_frames: int) -> NDArray[np.float32]:
        """Return the vectors of the hops that end within ``n_frames`` from frame ``end``."""
        around = self._around(rows)[end : end + SPAN_FRAMES + n_frames, self._features.n_mfcc :]
        return vectors_of(self._embedding.of(around))

    def slide(self, take: TakeFeatures) -> Hops:
        """Slide a take from when half of its word is in the window until the word leaves it."""
        first = (take.onset + take.offset) // 2
        return self.hops(take.rows, first, take.offset + LATE_FRAMES - first)

    def hops(self, rows: Features, first: int, n_frames: int) -> Hops:
        """Return the hops of a recording that end within ``n_frames`` from frame ``first``."""
        vectors = self._vectors(rows, first, n_frames)
        around, size = self._around(rows)[:, : self._features.n_mfcc], self._features.n_frames
        ends = SPAN_FRAMES + first + STEP_FRAMES * np.arange(len(vectors))
        heard = [self._network.score(around[end - size : end], follows=bool(end > ends[0])) for end in ends]
        return Hops(vectors, np.array([one.posteriors for one in heard]))
