"""Archived clips for augmentation: mel power, label, and the extent of the word in each clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_LABEL
from kws_live.errors import DatasetError
from kws_live.model.features import Features, FeatureSettings
from kws_live.training.dataset import BACKGROUND, FeatureArchive, SetName

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of several archives, with the data needed for augmentation.

    Attributes
    ----------
    archives : all with the same front end
    archive, row : location of each clip, shape (n_clips,)
    label : index of its keyword, or ``len(keywords)`` for anything else
    onset, offset : first frame of the word and the frame after its last
    level_db : mean mel power between them
    """

    archives: tuple[FeatureArchive, ...]
    archive: Ints
    row: Ints
    label: Ints
    is_noise: NDArray[np.bool_]
    is_speech: NDArray[np.bool_]
    onset: Floats
    offset: Floats
    level_db: Floats

    @classmethod
    def of_set(cls, archives: Sequence[FeatureArchive], keywords: Sequence[str], set_name: SetName) -> "Clips":
        """Return every clip of a set.

        Raises
        ------
        DatasetError
            If the archives' front ends differ, or a keyword has no clip.
        """
        settings = archives[0].settings
        if any(archive.settings != settings for archive in archives):
            raise DatasetError("the feature archives have different front ends; prepare them with the same one")
        where = [(i, row) for i, archive in enumerate(archives) for row in archive.rows(set_name)]
        archive, row = (np.array(column, dtype=np.intp) for column in zip(*where, strict=True))
        names = np.concatenate([a.labels[row[archive == i]] for i, a in enumerate(archives)])
        if missing := [word for word in keywords if word not in set(names.tolist())]:
            raise DatasetError(
                f"no clip of {', '.join(missing)} is in set {set_name!r}; the recipe lists them as keywords"
            )
        lookup = {word: i for i, word in enumerate(keywords)}
        label = np.array([lookup.get(name, len(keywords)) for name in names], dtype=np.intp)
        extents = [
            word_extent(archives[i].decibels(row[archive == i][start : start + 2048]))
            for i in range(len(archives))
            for start in range(0, int((archive == i).sum()), 2048)
        ]
        onset, offset, level = (np.concatenate(part) for part in zip(*extents, strict=True))
        return cls(
            tuple(archives), archive, row, label, names == BACKGROUND, names == SPEECH_LABEL, onset, offset, level
        )

    @property
    def settings(self) -> FeatureSettings:
        """The front end of every archive."""
        return self.archives[0].settings

    def decibels(self, clips: Ints) -> Features:
        """Return log-mel power of some clips, shape (n, n_frames, n_mels)."""
        out = np.empty((clips.size, self.settings.n_frames, self.settings.n_mels), dtype=np.float32)
        for i, archive in enumerate(self.archives):
            mine = np.flatnonzero(self.archive[clips] == i)
            if mine.size:
                out[mine] = archive.decibels(self.row[clips[mine]])
        return out

    def power(self, clips: Ints) -> Floats:
        """Return mel power of some clips, without the front end's floor."""
        power = from_db(self.decibels(clips))
        power -= np.float32(self.settings.floor_power)
        return np.maximum(power, 0, out=power)


def word_extent(decibels: Features) -> tuple[Floats, Floats, Floats]:
    """Find the extent of the word in each clip, and its level.

    A frame belongs to the word if its level is in the upper two thirds between the clip's floor (10th
    percentile) and its peak, and within 30 dB of the peak.

    Returns
    -------
    onset, offset : float32 arrays, shape (n,), frames, with one frame of margin
    level_db : float32 array, shape (n,), mean mel power between them
    """
    power = from_db(decibels)
    level = 10 * np.log10(power.mean(axis=2))
    smooth = (level + np.roll(level, 1, axis=1) + np.roll(level, -1, axis=1)) / 3
    peak, quiet = smooth.max(axis=1), np.quantile(smooth, 0.1, axis=1)
    loud = smooth >= np.maximum(quiet + (peak - quiet) / 3, peak - 30)[:, np.newaxis]
    n_frames = decibels.shape[1]
    onset = np.maximum(loud.argmax(axis=1) - 1, 0)
    offset = np.minimum(n_frames - loud[:, ::-1].argmax(axis=1) + 1, n_frames)
    frame = np.arange(n_frames)
    inside = (frame >= onset[:, np.newaxis]) & (frame < offset[:, np.newaxis])
    mean = (power.mean(axis=2) * inside).sum(axis=1) / inside.sum(axis=1)
    return onset.astype(np.float32), offset.astype(np.float32), (10 * np.log10(mean)).astype(np.float32)


def from_db(decibels: Floats) -> Floats:
    return np.asarray(np.exp(decibels * np.float32(np.log(10) / 10)), dtype=np.float32)


def to_db(power: Floats) -> Floats:
    return np.float32(10 / np.log(10)) * np.log(np.maximum(power, np.float32(1e-20)))
