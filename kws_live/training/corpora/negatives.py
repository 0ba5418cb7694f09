"""Negative examples, the sounds between commands: running speech, recorded noise and synthetic noise.

Speech Commands has isolated words only. A microphone records rooms, music, machines and conversation all day, so
the windows made here are as important as the words: they determine the rate of false accepts.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_LABEL, SPEECH_RATE_HZ, WINDOW_SECONDS, Samples, to_mono
from kws_live.errors import DatasetError
from kws_live.model.features import FeatureExtractor, Features, FeatureSettings
from kws_live.training.corpora.transcripts import Word, talk_without
from kws_live.training.dataset import BACKGROUND, ClipInfo, SetName, StoredValues, write_archive

VALIDATION_HOP_FRAMES: Final = 25


def write_negatives(
    folder: Path,
    settings: FeatureSettings,
    keywords: Collection[str],
    speech: Mapping[Path, SetName],
    noise: Iterable[Path] = (),
    seed: int = 0,
    n_synthetic: int = 0,
    hop_frames: int = 10,
    times: Mapping[str, Sequence[Word]] | None = None,
) -> int:
    """Create a feature archive of running speech, recorded noise and synthetic noise.

    Parameters
    ----------
    folder : Path
        The archive to create.
    settings : FeatureSettings
        The front end, at 16 kHz.
    keywords : words that must not occur in the speech
    speech : speaker's folder in LibriSpeech's layout (``*.trans.txt`` next to the recordings) -> set
    noise : long recordings; the first 85 % of each is for training, the rest for validation
    seed : for the synthetic noise
    n_synthetic : number of windows of synthetic noise, one in ten for validation
    hop_frames : hop between windows of the training speech; with many speakers, fewer windows of each suffice
    times : word times of some recordings, by name; recordings without times are skipped if they contain a keyword

    Returns
    -------
    int
        Number of windows written.

    Raises
    ------
    DatasetError
        If a recording cannot be read or is not at 16 kHz.
    """
    extractor = FeatureExtractor(settings)
    clips: list[ClipInfo] = []
    spectra: list[NDArray[np.float16]] = []

    def add(name: str, label: str, speaker: str, set_name: SetName, windows: Iterable[Features]) -> None:
        for i, spectrum in enumerate(windows):
            clips.append(ClipInfo(f"{name}#{i}", label, speaker, set_name))
            spectra.append(spectrum.astype(np.float16))

    for speaker_folder, set_name in sorted(speech.items()):
        for talk in talk_without(speaker_folder, keywords, times):
            hop = hop_frames if set_name == "train" else VALIDATION_HOP_FRAMES
            step = hop * settings.hop_samples / settings.sample_rate_hz
            windows = enumerate(long_windows(extractor, read_speech_rate(talk.path), hop))
            clear = (window for i, window in windows if talk.is_clear(i * step, i * step + WINDOW_SECONDS))
            add(f"{speaker_folder.name}/{talk.path.name}", SPEECH_LABEL, speaker_folder.name, set_name, clear)
    for path in sorted(noise):
        samples = read_speech_rate(path)
        cut = int(0.85 * samples.size)
        add(path.name, BACKGROUND, "", "train", long_windows(extractor, samples[:cut], hop_frames=20))
        add(path.name + "/end", BACKGROUND, "", "val", long_windows(extractor, samples[cut:], hop_frames=20))
    for i in range(n_synthetic):
        set_name = "train" if i % 10 else "val"
        rng = np.random.default_rng([seed, i])
        spectrum = extractor.log_mel(synthetic_noise(rng, settings.window_samples))
        add(f"synthetic/{i}", BACKGROUND, "", set_name, [spectrum])
    write_archive(folder, settings, StoredValues("float16"), clips, np.asarray(spectra))
    return len(clips)


def read_speech_rate(path: Path) -> Samples:
    """Read a recording at 16 kHz, mono.

    Raises
    ------
    DatasetError
        If it cannot be read or has another rate.
    """
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    if rate != SPEECH_RATE_HZ:
        raise DatasetError(f"{path} is at {rate} Hz; convert it to {SPEECH_RATE_HZ} Hz")
    return to_mono(samples)


def long_windows(extractor: FeatureExtractor, samples: Samples, hop_frames: int) -> Iterator[Features]:
    """Yield one-second windows of a long recording's log-mel spectrum, in dB, one every ``hop_frames``.

    They equal the spectra of the separate windows, because the front end does not pad its frames.
    """
    n_frames = extractor.settings.n_frames
    if samples.size < extractor.settings.window_samples:
        return
    spectrum = extractor.log_mel(samples)
    for start in range(0, spectrum.shape[0] - n_frames + 1, hop_frames):
        yield spectrum[start : start + n_frames]


def synthetic_noise(rng: np.random.Generator, n_samples: int) -> Samples:
    """Generate one window of synthetic sound at 16 kHz, peak at most 1.

    Coloured noise, gusts, rattles, hum and engines, clicks, whistles and cries: the classes of everyday sound that a
    formula can produce. One in three mixes two of them.
    """
    sound = _SOUNDS[rng.integers(len(_SOUNDS))](rng, n_samples)
    if rng.random() < 1 / 3:
        other = _SOUNDS[rng.integers(len(_SOUNDS))](rng, n_samples)
        sound = _peak_one(sound) + _peak_one(other) * 10 ** rng.uniform(-1.5, 0)
    return (_peak_one(sound) * 10 ** rng.uniform(-2.5, 0)).astype(np.float32)


Sound = NDArray[np.float64]


def _peak_one(sound: Sound) -> Sound:
    return sound / max(float(np.abs(sound).max()), 1e-9)


def _coloured(rng: np.random.Generator, n: int) -> Sound:
    """Noise with power 1/f^a, from blue to brown, with a few broad resonances."""
    hz = np.fft.rfftfreq(n, 1 / SPEECH_RATE_HZ)
    shape = np.maximum(hz, 20.0) ** -(rng.uniform(-0.5, 2.2) / 2)
    for _ in range(rng.integers(0, 4)):
        centre, width = 10 ** rng.uniform(2.2, 3.6), 10 ** rng.uniform(1.7, 3)
        shape *= 1 + rng.uniform(0.5, 8) * np.exp(-0.5 * ((hz - centre) / width) ** 2)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * shape, n)


def _envelope(rng: np.random.Generator, n: int) -> Sound:
    """A slow random curve between 0 and 1: 3 to 20 points per second joined by lines."""
    points = rng.random(rng.integers(3, 20)) ** rng.uniform(1, 4)
    return np.interp(np.linspace(0, points.size - 1, n), np.arange(points.size), points)


def _gusts(rng: np.random.Generator, n: int) -> Sound:
    return _coloured(rng, n) * _envelope(rng, n)


def _burst(rng: np.random.Generator, n: int) -> Sound:
    """A cough, a sneeze, a slam: a fast attack and an exponential decay, up to three times."""
    level = np.zeros(n)
    seconds = np.arange(n) / SPEECH_RATE_HZ
    for _ in range(rng.integers(1, 4)):
        since = seconds - rng.uniform(-0.1, 0.9)
        attack, decay = rng.uniform(0.003, 0.05), rng.uniform(0.02, 0.3)
        level += rng.uniform(0.3, 1) * np.where(since > 0, np.minimum(since / attack, 1) * np.exp(-since / decay), 0)
    return _coloured(rng, n) * level


def _rattle(rng: np.random.Generator, n: int) -> Sound:
    """Noise in regular pulses, 3 to 40 a second: rotors, saws, fans."""
    phase = (np.arange(n) / SPEECH_RATE_HZ * rng.uniform(3, 40) + rng.random()) % 1
    return _coloured(rng, n) * np.exp(-phase * rng.uniform(0.5, 12))


def _clicks(rng: np.random.Generator, n: int) -> Sound:
    """Impulses through a decaying resonance: clocks, keys, rain drops; regular or at random."""
    at = np.zeros(n)
    if rng.random() < 0.5:
        step = int(SPEECH_RATE_HZ / rng.uniform(1, 25))
        at[rng.integers(step) :: step] = 1
    else:
        at[rng.integers(n, size=rng.integers(1, 300))] = rng.random()
    seconds = np.arange(int(0.1 * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    ring = np.exp(-seconds / 10 ** rng.uniform(-3.5, -1.5)) * np.cos(2 * np.pi * 10 ** rng.uniform(2.3, 3.6) * seconds)
    return np.convolve(at, ring)[:n] + _coloured(rng, n) * 0.01 * rng.random()


def _harmonics(rng: np.random.Generator, pitch_hz: Sound) -> Sound:
    """Harmonics of a moving pitch under a random spectral envelope with up to three resonances."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SPEECH_RATE_HZ
    centres, widths = 10 ** rng.uniform(2.4, 3.55, 3), rng.uniform(80, 600, 3)
    tilt, flat = rng.uniform(0, 1.5), rng.uniform(0.02, 1)
    sound = np.zeros(pitch_hz.size)
    for k in range(1, min(40, int(4000 / pitch_hz.min())) + 1):
        hz = k * pitch_hz.mean()
        sound += (
            (flat + np.exp(-0.5 * ((hz - centres) / widths) ** 2).sum())
            * k**-tilt
            * np.cos(k * phase + rng.random() * 6)
        )
    return sound


def _hum(rng: np.random.Generator, n: int) -> Sound:
    """Mains hum, motors and engines: a steady low pitch, a little unsteady, a little noisy."""
    pitch = np.full(n, rng.choice([50.0, 60.0, 100.0, 120.0, 10 ** rng.uniform(1.5, 2.6)]))
    pitch *= 1 + 0.02 * (rng.random() * _envelope(rng, n))
    return _peak_one(_harmonics(rng, pitch)) + _peak_one(_coloured(rng, n)) * 10 ** rng.uniform(-2.5, 0)


def _cry(rng: np.random.Generator, n: int) -> Sound:
    """Whistles, alarms, birds, animals, babies: a gliding pitch with vibrato, on and off."""
    octaves = rng.uniform(0, 1.2) * (_envelope(rng, n) - 0.5) * 2
    vibrato = rng.uniform(0, 0.08) * np.sin(2 * np.pi * rng.uniform(3, 12) * np.arange(n) / SPEECH_RATE_HZ)
    pitch = np.clip(10 ** rng.uniform(2.1, 3.4) * 2 ** (octaves + vibrato), 60, 3900)
    tone = np.cos(2 * np.pi * np.cumsum(pitch) / SPEECH_RATE_HZ) if rng.random() < 0.3 else _harmonics(rng, pitch)
    breath = _peak_one(_coloured(rng, n)) * 10 ** rng.uniform(-3, -0.5)
    loudness = _envelope(rng, n) if rng.random() < 0.8 else np.ones(n)
    return (_peak_one(tone) + breath) * loudness


_SOUNDS: Final[tuple[Callable[[np.random.Generator, int], Sound], ...]] = (
    _coloured,
    _gusts,
    _burst,
    _rattle,
    _clicks,
    _hum,
    _cry,
    _cry,  # twice: pitched sounds are most easily mistaken for words
)
