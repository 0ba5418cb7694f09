"""Thousands of words by synthetic voices, as a feature archive: the many classes that an embedding needs.

Speech Commands has 35 words. To tell words apart that were never recorded, a network must have seen many more, by
voices that differ; the texts of read speech give the words, every synthesiser on the machine gives voices.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import as_completed
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.errors import ConfigError, DatasetError
from kws_live.model.features import FeatureExtractor, FeatureSettings
from kws_live.synthesis import draw_voices, installed_voices, speak
from kws_live.system.saving import replacing
from kws_live.system.workers import WorkerPool
from kws_live.training.dataset import ClipInfo, Progress, StoredValues, check_target, no_progress, write_archive

PIECE: Final = 20
"""Texts in one file of the work that a later run takes over."""

SHARES: Final = {"espeak": 8, "flite": 4, "festival": 1, "pico": 2}
"""Clips of each text by each kind of synthesiser."""

LEAST_SECONDS: Final = 0.15
LONGEST_SECONDS: Final = 1.4


def texts_of(transcripts: Iterable[Path], n_words: int, n_pairs: int, without: Collection[str]) -> list[str]:
    """The commonest words of three letters and more, and pairs of neighbours of at most 16, in order of the alphabet.

    Parameters
    ----------
    transcripts : ``*.trans.txt`` files in LibriSpeech's layout
    n_words, n_pairs : how many of each
    without : words that must not occur
    """
    words: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    refused = {part for text in without for part in text.lower().split()}
    for path in sorted(transcripts):
        for line in path.read_text(encoding="utf-8").splitlines():
            said = [word.lower() for word in line.split()[1:]]
            words.update(word for word in said if len(word) > 2 and word not in refused)
            near = pairwise(said)
            pairs.update(f"{a} {b}" for a, b in near if {a, b}.isdisjoint(refused) and 6 < len(a) + len(b) < 16)

    def common(counts: Counter[str], n: int) -> list[str]:
        return [text for text, _ in sorted(counts.items(), key=lambda item: (-item[1], _digest(item[0])))[:n]]

    return sorted({*common(words, n_words), *common(pairs, n_pairs)})


def write_spoken_words(
    folder: Path,
    settings: FeatureSettings,
    texts: Sequence[str],
    seed: int,
    jobs: int = 1,
    on_progress: Progress = no_progress,
) -> int:
    """Make a feature archive of texts by every kind of synthesiser; a run that was interrupted goes on.

    Parameters
    ----------
    folder : Path
        The archive to write.
    settings : FeatureSettings
        The front end, at 16 kHz.
    texts : each is a label
    seed : of voices, speeds and pitches
    jobs : processes

    Returns
    -------
    int
        Clips written. Of a text longer than a second the last second is taken, because that is what a window holds
        when the word has just been said.

    Raises
    ------
    DatasetError
        If no synthesiser is installed, or ``folder`` holds something else.
    """
    check_target(folder)
    if not installed_voices():
        raise DatasetError("no synthesiser is installed; apt-get install espeak-ng flite, pip install py-nanotts")
    work = folder.with_name(folder.name + ".pieces-" + _digest(repr((settings, list(texts), seed, SHARES)))[:16])
    work.mkdir(parents=True, exist_ok=True)
    pieces = [texts[i : i + PIECE] for i in range(0, len(texts), PIECE)]
    missing = [number for number in range(len(pieces)) if not (work / f"{number}.npz").exists()]
    arguments = (settings, settings.mel_filters())
    with WorkerPool(jobs, _start, arguments) as pool:
        futures = [pool.submit(_make_piece, work / f"{number}.npz", pieces[number], seed) for number in missing]
        try:
            for done, future in enumerate(as_completed(futures), len(pieces) - len(missing) + 1):
                future.result()
                on_progress(done, len(pieces))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    clips: list[ClipInfo] = []
    spectra: list[NDArray[np.float16]] = []
    for number in range(len(pieces)):
        with np.load(work / f"{number}.npz", allow_pickle=False) as stored:
            spectra.append(stored["log_mel"])
            for label, speaker in zip(stored["labels"].tolist(), stored["speakers"].tolist(), strict=True):
                clips.append(ClipInfo(f"{label}/{speaker}/{len(clips)}", label, speaker, "train"))
    write_archive(folder, settings, StoredValues("float16"), clips, np.concatenate(spectra))
    shutil.rmtree(work)
    return len(clips)


_extractor: FeatureExtractor


def _start(settings: FeatureSettings, mel_filters: NDArray[np.float32]) -> None:
    """Runs once in each worker."""
    global _extractor
    _extractor = FeatureExtractor(settings, mel_filters)


def _make_piece(path: Path, texts: Sequence[str], seed: int) -> None:
    labels, speakers, spectra = [], [], []
    for text in texts:
        drawn = np.random.default_rng([seed, int(_digest(text)[:8], 16)])
        for number, voice in enumerate(draw_voices(SHARES, drawn)):
            rng = np.random.default_rng([seed, number, int(_digest(text)[:8], 16)])
            try:
                spoken = speak(text, voice, rng.uniform(0.75, 1.25), rng.uniform(0.75, 1.3))
            except ConfigError:
                continue  # a voice that cannot say a text is one voice less
            if LEAST_SECONDS <= spoken.size / SPEECH_RATE_HZ <= LONGEST_SECONDS:
                labels.append(text)
                speakers.append(str(voice))
                spectra.append(_extractor.log_mel(_in_a_room(rng, spoken)).astype(np.float16))
    with replacing(path) as file:
        np.savez(file, labels=np.array(labels), speakers=np.array(speakers), log_mel=np.array(spectra))


def _in_a_room(rng: np.random.Generator, spoken: Samples) -> Samples:
    """One second with the word, or with its last second, in the faintest noise: digital silence is no room."""
    window = (10 ** rng.uniform(-4.5, -3) * rng.standard_normal(SPEECH_RATE_HZ)).astype(np.float32)
    spoken = spoken[-SPEECH_RATE_HZ:] * np.float32(10 ** rng.uniform(-1.0, -0.2) / np.abs(spoken).max())
    start = int(rng.integers(SPEECH_RATE_HZ - spoken.size + 1))
    window[start : start + spoken.size] += spoken
    return window


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
