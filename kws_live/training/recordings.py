"""Labelled recordings on disk: finding them, assigning each to a set, and reading them as one second of audio.

References
----------
P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209, 2018, section 6:
the set of a recording is drawn from a hash of its speaker, so that it never changes and each voice is in one set only.
"""

import csv
import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import Samples, to_mono
from kws_live.errors import DatasetError
from kws_live.sources.recordings import fit
from kws_live.sources.sound_folder import sound_files, subfolders
from kws_live.training.dataset import BACKGROUND, ClipInfo, SetName, as_set_name

SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg"})
SHARE_VAL: Final = 10.0
SHARE_TEST: Final = 10.0
"""Percentage of the speakers in each set (as in Speech Commands)."""

_HASH_BUCKETS: Final = 2**27  # Speech Commands' MAX_NUM_WAVS_PER_CLASS + 1


@dataclass(frozen=True)
class Recording:
    """A second of a sound file, for feature extraction.

    Attributes
    ----------
    clip : its row in the archive's index
    path : the sound file
    start_seconds : beginning of a window in a background recording; None: the whole file is the clip
    """

    clip: ClipInfo
    path: Path
    start_seconds: float | None = None


def class_folders(data: Path) -> dict[str, list[Path]]:
    """Return the sound files of each word, in alphabetical order; folders named ``_...`` or ``....`` are skipped.

    Raises
    ------
    DatasetError
        If there is no such folder, it has no words, or a word has no sound file.
    """
    if not data.is_dir():
        raise DatasetError(f"{data} is not a folder; give a folder with one folder of recordings per word")
    words = [path for path in subfolders(data) if not path.name.startswith("_")]
    if not words:
        raise DatasetError(f"{data} has no folders; it needs one folder of recordings per word")
    files = {word.name: _sounds_in(word) for word in words}
    if empty := [word for word, found in files.items() if not found]:
        raise DatasetError(
            f"{data / empty[0]} has no recordings ({', '.join(sorted(SUFFIXES))}); add some or remove it"
        )
    return files


def _sounds_in(folder: Path) -> list[Path]:
    """Return the sound files usable for training; empty if the folder does not exist."""
    found = sound_files(folder, ffmpeg=False) if folder.is_dir() else []
    return [path for path in found if path.suffix.lower() in SUFFIXES]


def speaker_of(path: Path) -> str:
    """Return the speaker in a name such as ``0a7c2a8d_nohash_1.wav``; empty if there is none."""
    speaker, mark, _ = path.stem.partition("_nohash_")
    return speaker if mark else ""


def which_set(name: str) -> SetName:
    """Draw the set of a speaker or file by Speech Commands' rule (`which_set` in its README), 10 % val, 10 % test.

    Parameters
    ----------
    name : a speaker, or a file name, of which the part after ``_nohash_`` is ignored
    """
    key = re.sub(r"_nohash_.*$", "", Path(name).name)
    digest = int(hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest(), 16)
    percent = (digest % _HASH_BUCKETS) * (100.0 / (_HASH_BUCKETS - 1))
    if percent < SHARE_VAL:
        return "val"
    return "test" if percent < SHARE_VAL + SHARE_TEST else "train"


def find_recordings(data: Path) -> list[Recording]:
    """Find the recordings of a data set, sorted by name.

    Parameters
    ----------
    data : Path
        A folder of class folders, optionally with ``_background_noise_``, ``validation_list.txt`` and
        ``testing_list.txt`` (without the lists, `which_set` decides); or a CSV manifest with the columns
        ``path,label`` and optionally ``speaker`` and ``set``, paths relative to the manifest.

    Raises
    ------
    DatasetError
        If it cannot be read, a word has no recording, or a speaker is in two sets.
    """
    recordings = _from_manifest(data) if data.suffix.lower() == ".csv" else _from_folder(data)
    sets_of: defaultdict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        sets_of[recording.clip.speaker].add(recording.clip.set)
    for speaker, sets in sets_of.items():
        if speaker and len(sets) > 1:
            raise DatasetError(
                f"{data}: speaker {speaker!r} is in {' and '.join(sorted(sets))}; a voice belongs in one set "
                "(leave the speaker empty to allow it)"
            )
    names = Counter(recording.clip.name for recording in recordings)
    if twice := [name for name, count in names.items() if count > 1]:
        raise DatasetError(f"{data} lists {twice[0]!r} twice; list each recording once")
    return sorted(recordings, key=lambda recording: recording.clip.name)


def _from_folder(data: Path) -> list[Recording]:
    listed: dict[str, SetName] = {}
    lists: tuple[tuple[str, SetName], ...] = (("validation_list.txt", "val"), ("testing_list.txt", "test"))
    for file_name, set_name in lists:
        if (data / file_name).is_file():
            for name in (data / file_name).read_text(encoding="utf-8").split():
                listed[_without_suffix(name)] = set_name
    recordings = []
    for label, paths in class_folders(data).items():
        for path in paths:
            name = f"{label}/{path.name}"
            set_name = listed.get(_without_suffix(name), "train") if listed else which_set(path.name)
            recordings.append(Recording(ClipInfo(name, label, speaker_of(path), set_name), path))
    for path in _sounds_in(data / BACKGROUND):
        recordings += _background_windows(path)
    return recordings


def _without_suffix(name: str) -> str:
    """Strip the suffix: the lists name wav files, but the recordings may be in another format."""
    return name.rpartition(".")[0]


def _background_windows(path: Path) -> list[Recording]:
    """Cut a long recording into seconds: the first 80 % for training, then 10 % each for validation and test."""
    import soundfile

    try:
        n_windows = int(soundfile.info(path).duration)
    except soundfile.LibsndfileError:
        n_windows = 1  # reading it will report the error
    windows = []
    for second in range(n_windows):
        share = second / n_windows
        set_name: SetName = "train" if share < 0.8 else "val" if share < 0.9 else "test"
        clip = ClipInfo(f"{BACKGROUND}/{path.name}@{second:04d}", BACKGROUND, "", set_name)
        windows.append(Recording(clip, path, float(second)))
    return windows


def _from_manifest(manifest: Path) -> list[Recording]:
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if not {"path", "label"} <= set(reader.fieldnames or ()):
                raise DatasetError(f"{manifest} needs the columns path,label (and optionally speaker,set)")
            rows = [{key: value or "" for key, value in row.items() if isinstance(key, str)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{manifest} cannot be read: {error}") from error
    if not rows:
        raise DatasetError(f"{manifest} lists no recordings")
    recordings = []
    for number, row in enumerate(rows, start=2):
        if not row["path"] or not row["label"]:
            raise DatasetError(f"{manifest}, line {number}: path and label must not be empty")
        path = manifest.parent / row["path"]
        speaker = row.get("speaker") or speaker_of(path)
        set_name = row.get("set") or which_set(speaker or row["path"])
        clip = ClipInfo(row["path"], row["label"], speaker, as_set_name(set_name, f"{manifest}, line {number}"))
        recordings.append(Recording(clip, path))
    return recordings


def read_second(recording: Recording, sample_rate_hz: int) -> Samples:
    """Read a recording as exactly one second.

    Raises
    ------
    DatasetError
        If it is unusable; the message is the reason.
    """
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(recording.path) as file:
            n_read = -1
            if recording.start_seconds is not None:
                file.seek(round(recording.start_seconds * file.samplerate))
                n_read = file.samplerate
            block = file.read(n_read, dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise DatasetError(f"cannot be decoded: {error}") from error
    samples = to_mono(block)
    if reason := bad_samples(samples):
        raise DatasetError(reason)
    resampled = np.asarray(soxr.resample(samples, rate, sample_rate_hz, quality="HQ"), dtype=np.float32)
    return fit(resampled, sample_rate_hz, "loudest")


def bad_samples(samples: Samples) -> str | None:
    """Return why these samples are unusable; None if they are usable."""
    if samples.size == 0:
        return "contains no samples"
    if not np.isfinite(samples).all():
        return "contains NaN or infinity"
    if not samples.any():
        return "is digital silence"
    return None
