"""Build labelled streams: words at random intervals, in noise at a given SNR, with other words and talk in between.

The same seed and files give the same samples. Each word is cut out of its clip by its level (`find_word`, with
a margin of 50 ms on both sides, faded), so the labels are the beginning and end of the word itself.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from kws_live.audio import SPEECH_LABEL, SPEECH_RATE_HZ, UNKNOWN, Samples
from kws_live.errors import AudioError, ConfigError, DatasetError
from kws_live.evaluation.labels import Label, write_labels
from kws_live.evaluation.material import Material
from kws_live.evaluation.word_bounds import find_word
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_file import why_not_written
from kws_live.system.saving import replacing

Item = TypeVar("Item")

RATE_HZ: Final = SPEECH_RATE_HZ
"""The rate of Speech Commands, so nothing is lost; the pipeline resamples it as it does for a microphone."""

SPARE_SECONDS: Final = 0.05
WORD_LEVEL_DB: Final = -26.0
"""Level of a word relative to full scale: the active speech level of ITU-T P.56 test signals."""

LEVEL_SPREAD_DB: Final = 3.0
"""Words are up to this much louder or softer than that, because people do not speak evenly."""

FLOOR_DB: Final = -80.0
"""White noise under everything, like a quiet microphone; no microphone delivers digital silence."""

MOST_WORDS: Final = 20_000
"""A stream is built in memory: about 12 hours, 3 GB."""

SHORTEST_WORD_SECONDS: Final = 0.1
"""A clip with a shorter sound is skipped: it contains a click, or a truncated word."""


@dataclass(frozen=True)
class StreamSettings:
    """Parameters of a stream.

    Attributes
    ----------
    n_words : keywords and unknown words together, above 0
    snr_db : level of the words above the noise
    unknown_share : share of the words that are not keywords, 0 to 1
    talk_share : probability that a stretch of talk precedes a word, 0 to 1
    least_gap_seconds, most_gap_seconds : range of the gaps between words, drawn uniformly
    seed : of all random numbers, 0 or above
    """

    n_words: int = 200
    snr_db: float = 20.0
    unknown_share: float = 0.3
    talk_share: float = 0.05
    least_gap_seconds: float = 0.8
    most_gap_seconds: float = 3.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.n_words <= MOST_WORDS:
            raise ConfigError(f"a stream of {self.n_words} words cannot be built; ask for 1 to {MOST_WORDS:,}")
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed} must be 0 or above")
        if not -30 <= self.snr_db <= 100:
            raise ConfigError(f"SNR {self.snr_db:g} dB must be -30 to 100")
        for name in ("unknown_share", "talk_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} {getattr(self, name):g} must be 0 to 1")
        if not 0 <= self.least_gap_seconds <= self.most_gap_seconds <= 60:
            raise ConfigError(
                f"gaps of {self.least_gap_seconds:g} to {self.most_gap_seconds:g} s must be 0 to 60 s, shortest first"
            )


def make_stream(
    material: Material, settings: StreamSettings, progress: Callable[[int], None] | None = None
) -> tuple[Samples, tuple[Label, ...]]:
    """Build a stream.

    Parameters
    ----------
    material, settings : clips and recordings, and parameters
    progress : called with the number of words just placed

    Returns
    -------
    samples : float32 (n_samples,) at 16 kHz
    labels : in order of time

    Raises
    ------
    DatasetError
        If a clip cannot be used.
    """
    rng = np.random.default_rng(settings.seed)
    pieces: list[Samples] = []
    labels: list[Label] = []
    n_samples = 0

    def put(samples: Samples, begin: int, end: int, word: str, path: Path) -> None:
        nonlocal n_samples
        labels.append(
            Label((n_samples + begin) / RATE_HZ, (n_samples + end) / RATE_HZ, word, f"{path.parent.name}/{path.name}")
        )
        pieces.append(samples)
        n_samples += samples.size

    def gap() -> None:
        nonlocal n_samples
        length = round(rng.uniform(settings.least_gap_seconds, settings.most_gap_seconds) * RATE_HZ)
        pieces.append(np.zeros(length, np.float32))
        n_samples += length

    decks = {word: _deck(rng, paths) for word, paths in material.words.items()}
    order = _deck(rng, list(material.words))
    unknown = _deck(rng, material.unknown)
    talk = _deck(rng, material.talk)
    gap()
    for _ in range(settings.n_words):
        if material.talk and rng.random() < settings.talk_share:
            path = next(talk)
            samples = _at_level(read_mono(path, RATE_HZ), slice(None), WORD_LEVEL_DB)
            put(samples, 0, samples.size, SPEECH_LABEL, path)
            gap()
        is_unknown = bool(material.unknown) and rng.random() < settings.unknown_share
        word = UNKNOWN if is_unknown else next(order)
        path, samples, begin, end = _next_word(unknown if is_unknown else decks[word])
        samples = _at_level(samples, slice(begin, end), WORD_LEVEL_DB + rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB))
        put(samples, begin, end, word, path)
        gap()
        if progress is not None:
            progress(1)
    stream = np.concatenate(pieces)
    stream += rng.standard_normal(stream.size, dtype=np.float32) * np.float32(10 ** (FLOOR_DB / 20))
    if material.noise:
        stream += _noise(rng, material.noise, stream.size) * np.float32(10 ** ((WORD_LEVEL_DB - settings.snr_db) / 20))
    return np.clip(stream, -1, 1), tuple(labels)


def _deck(rng: np.random.Generator, items: Sequence[Item]) -> Iterator[Item]:
    """Yield the items in random order, all of them before any is repeated."""
    while items:
        for index in rng.permutation(len(items)):
            yield items[index]


def _next_word(deck: Iterator[Path]) -> tuple[Path, Samples, int, int]:
    """Return the next clip with a usable word: path, word with a 50 ms margin, and the word's begin and end in it."""
    for _ in range(1000):
        path = next(deck)
        samples = read_mono(path, RATE_HZ)
        begin, end = find_word(samples, RATE_HZ)
        if end - begin < SHORTEST_WORD_SECONDS * RATE_HZ:
            continue
        spare = round(SPARE_SECONDS * RATE_HZ)
        first = max(0, begin - spare)
        cut = samples[first : end + spare].copy()
        fade = min(begin - first, spare)
        cut[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        fade = cut.size - (end - first)
        cut[cut.size - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        return path, cut, begin - first, end - first
    raise DatasetError(
        f"no usable word in 1,000 clips, the last was {path}: all are shorter than {SHORTEST_WORD_SECONDS} s"
    )


def _at_level(samples: Samples, part: slice, level_db: float) -> Samples:
    """Scale so that a part has this root mean square level."""
    power = float(np.mean(np.square(samples[part], dtype=np.float64)))
    return samples * np.float32(10 ** (level_db / 20) / max(power, 1e-12) ** 0.5)


def _noise(rng: np.random.Generator, paths: Sequence[Path], n_samples: int) -> Samples:
    """Join recordings in random order, each at root mean square 1 and at most 30 s, with 50 ms cross-fades."""
    fade = round(0.05 * RATE_HZ)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    noise = np.zeros(n_samples + fade, np.float32)
    at = 0
    for path in _deck(rng, paths):
        part = read_mono(path, RATE_HZ)
        longest = 30 * RATE_HZ
        if part.size > longest:
            start = int(rng.integers(part.size - longest))
            part = part[start : start + longest]
        if part.size <= 2 * fade or not part.any():
            raise DatasetError(f"noise {path} is silent or shorter than 0.1 s")
        part = _at_level(part, slice(None), 0.0)
        part[:fade] *= ramp
        part[-fade:] *= ramp[::-1]
        part = part[: noise.size - at]
        noise[at : at + part.size] += part
        at += part.size - fade
        if at >= n_samples:
            break
    return noise[:n_samples]


def require_names(path: Path, labels_path: Path) -> None:
    """Raise an AudioError if a stream and its labels cannot have these names."""
    if path.suffix.lower() not in (".wav", ".flac"):  # lossless formats; libsndfile may crash on long Vorbis
        raise AudioError(f"cannot write a stream as {path.name!r}; name it .wav or .flac")
    if path == labels_path:
        raise AudioError(f"the labels would overwrite the stream; name them {path.with_suffix('.csv')}")


def write_stream(path: Path, labels_path: Path, samples: Samples, labels: Sequence[Label]) -> None:
    """Write the sound file and its CSV of labels, both or neither.

    Raises
    ------
    AudioError
        If they cannot be written; nothing is left.
    """
    import soundfile

    require_names(path, labels_path)
    try:
        encoded = io.BytesIO()  # libsndfile prints what goes wrong in a file
        soundfile.write(encoded, samples, RATE_HZ, subtype="PCM_16", format=path.suffix[1:].upper())
        with replacing(path) as file:
            file.write(encoded.getbuffer())
            write_labels(labels_path, labels)
    except (OSError, TypeError, ValueError, soundfile.LibsndfileError) as error:
        raise AudioError(
            f"cannot write {path} and {labels_path}: {why_not_written(error)}; use an existing folder with enough space"
        ) from error
