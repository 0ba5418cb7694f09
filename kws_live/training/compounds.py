"""Words of two or three syllables by real voices: two recorded words said by one person, one right after the other.

Speech Commands has hundreds of voices for each of 35 words, nearly all of one syllable; synthesisers say any word, but
in few voices. Two short words of one speaker, joined and hurried, are a longer word that nobody had to record.
"""

from collections import defaultdict
from collections.abc import Collection
from itertools import permutations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.training.clips import Floats, Ints, from_db, to_db, word_extent
from kws_live.training.dataset import ClipInfo, FeatureArchive, StoredValues, write_archive
from kws_live.training.mel_effects import sample_frames

CLIPS_EACH: Final = 14
LEAST_CLIPS: Final = 6
"""Of a pair that is used: one for each speaker who said both words."""

SHARE_OF_WINDOW: Final = (0.6, 0.92)
"""How much of the window the two words fill."""

TEMPO: Final = (0.9, 1.8)
GAP_FRAMES: Final = (-3, 8)
"""From the first word's end to the second's begin: the margin around each is a frame."""

LEVEL_DB: Final = 3.0
"""The second word may be louder or softer by so much."""

BATCH: Final = 256


def write_compounds(folder: Path, archive: FeatureArchive, words: Collection[str], seed: int) -> int:
    """Make a feature archive of pairs of words from the training clips of another; each ordered pair is a label.

    Parameters
    ----------
    folder : Path
        The archive to write.
    archive : recordings with speakers
    words : those of its labels that may be parts
    seed : of what is drawn

    Returns
    -------
    int
        Clips written.
    """
    rng = np.random.default_rng(seed)
    said: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in archive.rows("train", sorted(words)).tolist():
        if archive.speakers[row]:
            said[str(archive.speakers[row])][str(archive.labels[row])].append(row)
    clips: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for by_word in said.values():
        for pair in permutations(by_word, 2):
            first, second = (int(rng.choice(by_word[word])) for word in pair)
            clips[pair].append((first, second))
    infos: list[ClipInfo] = []
    rows: list[tuple[int, int]] = []
    for pair in sorted(clips):
        if len(clips[pair]) >= LEAST_CLIPS:
            drawn = rng.permutation(len(clips[pair]))[:CLIPS_EACH]
            rows += [clips[pair][i] for i in drawn]
            infos += [ClipInfo(f"{'+'.join(pair)}/{i}", " ".join(pair), "", "train") for i in range(len(drawn))]
    both = np.array(rows, dtype=np.intp).reshape(-1, 2)
    empty = np.zeros((0, archive.settings.n_frames, archive.settings.n_mels), np.float16)
    log_mel = [_joined(rng, archive, both[start : start + BATCH]) for start in range(0, len(both), BATCH)]
    write_archive(folder, archive.settings, StoredValues("float16"), infos, np.concatenate([empty, *log_mel]))
    return len(infos)


def _joined(rng: np.random.Generator, archive: FeatureArchive, rows: Ints) -> NDArray[np.float16]:
    """Log mel spectra of pairs of clips, shape (n, n_frames, n_mels)."""
    n, n_frames = len(rows), archive.settings.n_frames
    decibels = [archive.decibels(rows[:, i]) for i in (0, 1)]
    (onset, offset, level), (onset_2, offset_2, level_2) = map(word_extent, decibels)
    length, length_2 = offset - onset, offset_2 - onset_2
    tempo = np.clip((length + length_2) / (n_frames * rng.uniform(*SHARE_OF_WINDOW, n)), *TEMPO)
    gap = rng.uniform(*GAP_FRAMES, n)
    total = (length + length_2) / tempo + gap
    begin = rng.random(n) * np.maximum(n_frames - total, 0)
    begin_2 = begin + length / tempo + gap
    floor = np.float32(archive.settings.floor_power)
    power, power_2 = (np.maximum(from_db(one) - floor, 0) for one in decibels)
    # The room of the first recording goes on all around the words, unsteady as noise is.
    quiet = np.argpartition(power.mean(axis=2), n_frames // 8, axis=1)[:, : n_frames // 8]
    room = power[np.arange(n)[:, np.newaxis], quiet].mean(axis=1)
    out = room[:, np.newaxis] * rng.standard_gamma(3.0, (n, n_frames, 1)).astype(np.float32) / 3
    _say(out, power, begin, onset, length, tempo)
    gain = from_db((level - level_2 + rng.uniform(-LEVEL_DB, LEVEL_DB, n)).astype(np.float32))
    _say(out, power_2 * gain[:, np.newaxis, np.newaxis], begin_2, onset_2, length_2, tempo)
    return np.asarray(to_db(out + floor), dtype=np.float16)


def _say(
    out: Floats, power: Floats, begin: NDArray[np.floating], onset: Floats, length: Floats, tempo: NDArray[np.floating]
) -> None:
    """Add a word to each window in place, from its ``begin`` on."""
    source = (np.arange(out.shape[1]) - begin[:, np.newaxis]) * tempo[:, np.newaxis]
    inside = (source >= 0) & (source < length[:, np.newaxis])
    out += sample_frames(power, onset[:, np.newaxis] + source) * inside[:, :, np.newaxis]
