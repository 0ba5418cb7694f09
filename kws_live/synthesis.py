"""Speech synthesisers installed on this machine, used to speak words.

Each is optional: espeak-ng, flite and festival are programs (Debian packages of the same names; festival with
``festvox-kdlpc16k`` and ``festvox-us-slt-hts``), pico and hibari are the Python packages ``py-nanotts`` and
``hibari-tts``. For training, different synthesisers add more variety than different voices of one synthesiser, so use
every kind that is installed.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.errors import ConfigError

ESPEAK_DIALECTS: Final = ("en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-us-nyc")
ODD_VARIANTS: Final = ("whisper", "robo", "robot", "demonic", "croak", "announcer", "fast", "norbert", "klatt6")
"""Substrings of the names of espeak-ng variants that do not sound human."""

FLITE_VOICES: Final = ("kal16", "awb", "rms", "slt")
PICO_VOICES: Final = ("en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT")
FESTIVAL_VOICES: Final = ("ked_diphone", "kal_diphone", "cmu_us_slt_arctic_hts")
FAINT: Final = 0.01
"""Share of the peak; anything softer is trimmed from both ends."""


@dataclass(frozen=True)
class Voice:
    """A voice of a synthesiser.

    Attributes
    ----------
    engine : "espeak", "flite", "festival", "hibari" or "pico"
    name : the engine's name for it
    """

    engine: str
    name: str

    def __str__(self) -> str:
        return f"{self.engine}:{self.name}"


@cache
def installed_voices(language: str = "en") -> tuple[Voice, ...]:
    """Return every installed voice for a language, sorted by engine and name.

    Parameters
    ----------
    language : such as "en" or "pl"; flite, festival and hibari speak English, pico a few, espeak-ng about a hundred
    """
    found: list[Voice] = []
    # A synthesiser that does not start is ignored.
    with suppress(ConfigError):
        found += _espeak_voices(language) if shutil.which("espeak-ng") else []
    if language == "en" and shutil.which("flite"):
        found += [Voice("flite", name) for name in FLITE_VOICES]
    with suppress(ConfigError):
        found += _festival_voices() if language == "en" and shutil.which("festival") else []
    if language == "en" and find_spec("hibari") and find_spec("onnxruntime"):
        found += _hibari_voices()
    if find_spec("py_nanotts"):
        found += [Voice("pico", name) for name in PICO_VOICES if name.startswith(f"{language}-")]
    return tuple(sorted(found, key=str))


def _espeak_voices(language: str) -> list[Voice]:
    listing = _run("espeak-ng", "--voices=variant").decode("utf-8", "replace").splitlines()
    files = [line.split("!v/")[1].split()[0] for line in listing if "!v/" in line]
    variants = [name for name in files if not any(odd in name.lower() for odd in ODD_VARIANTS)]
    spoken = {line.split()[1] for line in _run("espeak-ng", "--voices").decode("utf-8", "replace").splitlines()}
    dialects = ESPEAK_DIALECTS if language == "en" else tuple({language} & spoken)
    return [Voice("espeak", f"{dialect}+{name}") for dialect in dialects for name in variants]


def _festival_voices() -> list[Voice]:
    known = _run("festival", "-b", "(print (voice.list))").decode("utf-8", "replace")
    return [Voice("festival", name) for name in FESTIVAL_VOICES if name in known]


def _hibari_voices() -> list[Voice]:
    """Return the voice in the package, and those downloaded with ``hibari --voice NAME``."""
    from hibari.voices import VOICES, voice_path

    found = []
    for name in VOICES:
        with suppress(FileNotFoundError):
            voice_path(name, download_missing=False)
            found.append(Voice("hibari", name))
    return found


@cache
def _hibari(name: str) -> Any:
    from hibari import Hibari

    return Hibari(name)


def draw_voices(shares: Mapping[str, int], rng: np.random.Generator, language: str = "en") -> list[Voice]:
    """Draw a number of voices from each installed synthesiser, with replacement if it has fewer.

    Parameters
    ----------
    shares : engine -> number of voices
    rng : random generator
    language : see `installed_voices`
    """
    chosen: list[Voice] = []
    for engine, n in shares.items():
        voices = [voice for voice in installed_voices(language) if voice.engine == engine]
        if voices:
            chosen += [voices[i] for i in rng.choice(len(voices), n, replace=n > len(voices))]
    return chosen


def speak(text: str, voice: Voice, speed: float = 1.0, pitch: float = 1.0) -> Samples:
    """Synthesise a text: float32 (n_samples,) at 16 kHz, with silence at the ends trimmed.

    Parameters
    ----------
    text : a word or a few
    voice : one of `installed_voices`
    speed, pitch : factors, about 0.7 to 1.4

    Raises
    ------
    ConfigError
        If the synthesiser fails or its output is silent.
    """
    if voice.engine == "espeak":
        words_per_minute, height = round(165 * speed), min(99, round(50 * pitch))
        sound = _run("espeak-ng", "-v", voice.name, "-s", str(words_per_minute), "-p", str(height), "--stdout", text)
    elif voice.engine == "flite":
        base = {"slt": 180, "awb": 130, "rms": 100}.get(voice.name, 105)
        settings = (f"duration_stretch={1 / speed:.3f}", f"int_f0_target_mean={base * pitch:.0f}")
        options = [part for setting in settings for part in ("--setf", setting)]
        sound = _run("flite", "-voice", voice.name, *options, "-t", text, "-o", "/dev/stdout")
    elif voice.engine == "festival":
        quoted = text.replace("\\", "").replace('"', "")
        stretch = f"(Parameter.set 'Duration_Stretch {1 / speed:.3f})"
        if voice.name.endswith("_hts"):
            stretch = f'(set! hts_engine_params (append (list (list "-r" {speed:.3f})) hts_engine_params))'
        saying = f'(utt.save.wave (SynthText "{quoted}") "/dev/stdout" \'riff)'
        sound = _run("festival", "-b", f"(voice_{voice.name})", stretch, saying)
    elif voice.engine == "hibari":
        reader = _hibari(voice.name)
        # It has no pitch: read slower, and played faster.
        sound = (32767 * np.clip(reader(text, speed=speed / pitch, seed=0), -1, 1)).astype("<i2").tobytes()
        return _trimmed(sound, round(pitch * reader.sample_rate), text, voice)
    elif voice.engine == "pico":
        pcm = _run(sys.executable, "-c", _PICO, text, voice.name, str(speed), str(pitch))
        return _trimmed(pcm, SPEECH_RATE_HZ, text, voice)
    else:
        raise ConfigError(f"no synthesiser {voice.engine!r}; choose from: espeak, flite, festival, hibari, pico")
    header = sound.find(b"data")
    if header < 24 or not sound.startswith(b"RIFF"):
        raise ConfigError(f"{voice} produced no audio for {text!r}")
    # The sizes in the header of a piped file are unreliable; the rate is not.
    return _trimmed(sound[header + 8 :], int.from_bytes(sound[24:28], "little"), text, voice)


_PICO: Final = (
    "import sys; from py_nanotts import NanoTTS; text, voice, speed, pitch = sys.argv[1:]; "
    "sys.stdout.buffer.write(NanoTTS().speak(text, voice=voice, speed=float(speed), pitch=float(pitch)))"
)
"""Run in a separate process: it crashes in one that has loaded TensorFlow (0.1.1)."""


def _run(*command: str) -> bytes:
    try:
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"{command[0]} failed: {error}") from error


def _trimmed(pcm: bytes, rate_hz: int, text: str, voice: Voice) -> Samples:
    import soxr

    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > FAINT * np.abs(samples).max(initial=0.0))
    if not loud.size:
        raise ConfigError(f"{voice} produced silence for {text!r}")
    spoken = samples[loud[0] : loud[-1] + 1]
    return np.asarray(soxr.resample(spoken, rate_hz, SPEECH_RATE_HZ), dtype=np.float32)
