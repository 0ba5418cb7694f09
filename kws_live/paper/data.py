"""The words of the original experiment as MFCC in memory, and their two splits.

The features are computed with librosa, as in the paper; `kws_live.model.features.PAPER` is the same front end
for live use.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import Samples
from kws_live.errors import DatasetError
from kws_live.model.features import PAPER, Features, FeatureSettings
from kws_live.sources.recordings import fit
from kws_live.system.saving import write_file
from kws_live.training.dataset import FeatureArchive, Progress, no_progress
from kws_live.training.recordings import bad_samples, class_folders, speaker_of

PAPER_WORDS: Final = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
FEWEST_CLIPS: Final = 100
"""The paper's words are used if each has at least this many recordings."""
SEED: Final = 1


@dataclass(frozen=True, eq=False)
class WordSet:
    """Labelled MFCC, in memory.

    Attributes
    ----------
    words : names of the labels; ``labels`` are indices into it
    settings : the front end
    mfcc : float32 array, shape (n_clips, n_frames, n_mfcc)
    labels : int array, shape (n_clips,)
    speakers : str array, shape (n_clips,)
    """

    words: tuple[str, ...]
    settings: FeatureSettings
    mfcc: Features
    labels: NDArray[np.intp]
    speakers: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the training, validation and test parts."""

    train: NDArray[np.intp]
    val: NDArray[np.intp]
    test: NDArray[np.intp]


def choose_words(data: Path) -> tuple[str, ...]:
    """Return the paper's ten words if each has enough recordings, otherwise the ten words with the most.

    Raises
    ------
    DatasetError
        If the folder has fewer than ten words.
    """
    counts = {label: len(paths) for label, paths in class_folders(data).items()}
    if all(counts.get(word, 0) >= FEWEST_CLIPS for word in PAPER_WORDS):
        return PAPER_WORDS
    if len(counts) < len(PAPER_WORDS):
        raise DatasetError(f"{data} has {len(counts)} folders of words; the experiment needs {len(PAPER_WORDS)}")
    most = sorted(counts, key=lambda word: (-counts[word], word))[: len(PAPER_WORDS)]
    return tuple(sorted(most))


def write_features(data: Path, words: Sequence[str], path: Path, on_progress: Progress = no_progress) -> None:
    """Write labels, mapping and MFCC of every usable recording to one JSON file.

    Its keys: ``mapping`` (the words), ``files``, ``labels`` (index in the mapping), ``mfcc`` (44 x 13 numbers per
    clip, rounded to 1e-4) and ``skipped`` (file -> reason). An existing file of the same recordings is kept.

    Parameters
    ----------
    data : Path
        Folder of class folders.
    words : the classes
    path : Path
        The JSON file.
    on_progress : called with the number of recordings done and the total
    """
    folders = class_folders(data)
    files = [(f"{word}/{file.name}", label, file) for label, word in enumerate(words) for file in folders[word]]
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["mapping"] == list(words) and {*known["files"], *known["skipped"]} == {name for name, _, _ in files}:
            return
    document: dict[str, Any] = {"mapping": list(words), "files": [], "labels": [], "skipped": {}, "mfcc": []}
    for number, (name, label, file) in enumerate(files):
        try:
            document["mfcc"].append(np.round(librosa_mfcc(librosa_second(file)), 4).tolist())
        except DatasetError as error:
            document["skipped"][name] = str(error)
        else:
            document["files"].append(name)
            document["labels"].append(label)
        on_progress(number + 1, len(files))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(document))


def read_features(path: Path) -> WordSet:
    """Read a file written by `write_features`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    speakers = [speaker_of(Path(name)) for name in document["files"]]
    mfcc = np.array(document["mfcc"], dtype=np.float32)
    return WordSet(
        tuple(document["mapping"]), PAPER, mfcc, np.array(document["labels"], np.intp), np.array(speakers, np.str_)
    )


def librosa_second(file: Path) -> Samples:
    """Return exactly one second of a recording at 22,050 Hz, as librosa reads it.

    A shorter recording is centred in digital silence; of a longer one, the loudest second is used.

    Raises
    ------
    DatasetError
        If the recording is unusable; the message is the reason.
    """
    import librosa
    import soundfile

    try:
        with soundfile.SoundFile(file) as opened:  # given a path that is not audio, librosa would try other readers
            samples, _ = librosa.load(opened, sr=PAPER.sample_rate_hz)
    except (soundfile.LibsndfileError, OSError, ValueError, EOFError) as error:
        raise DatasetError(f"cannot be decoded: {error}") from error
    if reason := bad_samples(samples):
        raise DatasetError(reason)
    return fit(samples, PAPER.window_samples, "loudest")


def librosa_mfcc(second: Samples) -> Features:
    """Return the MFCC of one second as in the paper: 44 x 13."""
    import librosa

    mfcc = librosa.feature.mfcc(y=second, sr=PAPER.sample_rate_hz, n_mfcc=13, n_fft=2048, hop_length=512)
    return np.asarray(mfcc.T, dtype=np.float32)


def archive_words(archive: FeatureArchive, every: int = 1) -> WordSet:
    """Return the paper's ten words from a feature archive: the first 13 coefficients of its front end.

    Parameters
    ----------
    archive : FeatureArchive
    every : 2: use every second frame, starting with the first

    Raises
    ------
    DatasetError
        If one of the words is not in it.
    """
    if missing := [word for word in PAPER_WORDS if word not in archive.labels]:
        raise DatasetError(f"{archive.folder} has no clips of {', '.join(missing)}")
    rows = np.flatnonzero(np.isin(archive.labels, PAPER_WORDS))
    # In parts: the log-mel spectra of all clips at once would take three times the memory.
    parts = np.array_split(rows, 1 + rows.size // 4096)
    mfcc = np.concatenate([archive.mfcc(part, PAPER.n_mfcc)[:, ::every] for part in parts])
    labels = np.array([PAPER_WORDS.index(label) for label in archive.labels[rows]], np.intp)
    settings = replace(archive.settings, n_mfcc=PAPER.n_mfcc, hop_samples=every * archive.settings.hop_samples)
    return WordSet(PAPER_WORDS, settings, mfcc, labels, archive.speakers[rows])


def random_split(word_set: WordSet, seed: int = SEED) -> Split:
    """Split at random: 10 % test, then 10 % of the rest for validation; the same voices are in all parts."""
    order = np.random.default_rng(seed).permutation(word_set.labels.size)
    n_test = round(0.1 * order.size)
    n_val = round(0.1 * (order.size - n_test))
    return Split(order[n_test + n_val :], order[n_test : n_test + n_val], order[:n_test])


def speaker_split(word_set: WordSet, seed: int = SEED) -> Split:
    """Split with the same shares, but each voice in one part only."""
    speakers, clip_speaker = np.unique(word_set.speakers, return_inverse=True)
    order = np.random.default_rng(seed).permutation(speakers.size)
    clips_before = np.cumsum(np.bincount(clip_speaker)[order]) / word_set.labels.size
    part_of_speaker = np.empty(speakers.size, np.intp)
    part_of_speaker[order] = np.searchsorted([0.1, 0.19], clips_before, side="left")
    part = part_of_speaker[clip_speaker]
    return Split(np.flatnonzero(part == 2), np.flatnonzero(part == 1), np.flatnonzero(part == 0))
