"""Windows of voices without keywords, from collections of recordings: announcements, games, alphabets.

With only a few readers of books, a network learns those readers. Telephone announcements, voices of games and
syllables for learning to read are free, exist in many languages, and contain fragments of words, like talk.
"""

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SPEECH_LABEL, Samples
from kws_live.model.features import FeatureExtractor, FeatureSettings
from kws_live.training.corpora.negatives import long_windows
from kws_live.training.corpora.short_sounds import FAINT, sounds_in
from kws_live.training.dataset import ClipInfo, StoredValues, write_archive

VOICE_LABEL: Final = "_voice_"
"""Label of recordings shorter than two windows: words, syllables, cries; trained as ``_unknown_``."""

HOP_FRAMES: Final = 20
SHORT_WINDOWS: Final = 2
PAUSE_DB: Final = 15.0
"""A window this far below the loudest of its recording is a pause."""


def write_other_voices(
    folder: Path, settings: FeatureSettings, collections: Iterable[Path], keywords: Collection[str]
) -> int:
    """Create a feature archive for training from folders of voice recordings.

    Parameters
    ----------
    folder : Path
        The archive to create.
    settings : FeatureSettings
        The front end, at 16 kHz.
    collections : folders, searched recursively
    keywords : recordings whose file name contains one of them are skipped

    Returns
    -------
    int
        Number of windows written; unreadable files are skipped.
    """
    extractor = FeatureExtractor(settings)
    clips: list[ClipInfo] = []
    spectra = []
    for collection in collections:
        for name, sound in sounds_in(collection):
            path = Path(name)
            if says(path.stem, keywords) or not sound.size or np.abs(sound).max() < FAINT:
                continue
            label, n = VOICE_LABEL, settings.window_samples
            if sound.size >= SHORT_WINDOWS * n:
                label = SPEECH_LABEL
            else:
                sound = _middle_second(sound, n)
            windows = np.array(list(long_windows(extractor, sound / np.abs(sound).max(), HOP_FRAMES)))
            level = windows.mean(axis=(1, 2))
            for i in np.flatnonzero(level >= level.max() - PAUSE_DB):
                clips.append(ClipInfo(f"{collection.name}/{name}#{i}", label, str(path.parent), "train"))
                spectra.append(windows[i].astype(np.float16))
    write_archive(folder, settings, StoredValues("float16"), clips, np.asarray(spectra))
    return len(clips)


def _middle_second(sound: Samples, n: int) -> Samples:
    """Return ``n`` samples around the middle of a short recording's power, padded with silence."""
    power = np.cumsum(np.square(sound, dtype=np.float64))
    middle = int(np.searchsorted(power, power[-1] / 2))
    padded = np.pad(sound, n)
    return padded[middle + n - n // 2 :][:n]


def says(file_name: str, keywords: Collection[str]) -> bool:
    """Whether a file name contains one of the keywords: "go-away", "dont_stop2", "Nooo", "Yessir"."""
    said = [_plain(part) for part in re.findall(r"[A-Z]?[a-z]+", file_name)]
    known = {_plain(word) for word in keywords}
    return any(part in known or any(len(word) > 2 and part.startswith(word) for word in known) for part in said)


def _plain(word: str) -> str:
    """Return a word in lower case, with repeated letters collapsed."""
    return re.sub(r"(.)\1+", r"\1", word.lower())
