"""Takes of words that exist in no model: a bundled word played at other speeds, as other voices would say it."""

import csv
from pathlib import Path

import numpy as np
import soundfile
import soxr

import kws_live
from kws_live.audio import SPEECH_RATE_HZ, Samples

DEMO = Path(kws_live.__file__).parent / "sources" / "demo.flac"


def demo_word(word: str) -> Samples:
    """One word of the bundled recording at 16 kHz, with a little of its room around it."""
    samples, rate_hz = soundfile.read(DEMO, dtype="float32")
    with DEMO.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        begin, end = next(
            (float(r["begin_seconds"]), float(r["end_seconds"])) for r in csv.DictReader(file) if r["word"] == word
        )
    part = samples[round((begin - 0.3) * rate_hz) : round((end + 0.3) * rate_hz)]
    return np.asarray(soxr.resample(part, rate_hz, SPEECH_RATE_HZ), dtype=np.float32)


def takes_of(*words: str, n: int = 5, backwards: bool = False) -> list[Samples]:
    """Takes of the words said as one, each at its own speed and loudness; backwards it is no word of any model."""
    rng = np.random.default_rng(len(words))
    whole = np.concatenate([demo_word(word) for word in words])
    if len(words) > 1:
        whole = np.concatenate([demo_word(word)[4000:-4000] for word in words])
        whole = np.pad(whole, 5000)
    if backwards:
        whole = whole[::-1]
    found = []
    for speed in np.linspace(0.92, 1.1, n):
        played = soxr.resample(whole, SPEECH_RATE_HZ, SPEECH_RATE_HZ / speed) * rng.uniform(0.4, 1.0)
        found.append((played + 1e-3 * rng.standard_normal(played.size)).astype(np.float32))
    return found


def write_takes(folder: Path, takes: list[Samples]) -> Path:
    """As sound files in a folder of their own."""
    folder.mkdir(parents=True)
    for number, samples in enumerate(takes):
        soundfile.write(folder / f"{number}.wav", samples, SPEECH_RATE_HZ, subtype="FLOAT")
    return folder
