"""The measurements of scripts/benchmark: a model on clips, noise, streams of words and read speech."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.cli.progress import steps
from kws_live.detection import make_settings
from kws_live.evaluation.clips import ClipScore, NoiseScore, find_clips, score_clips, score_noise
from kws_live.evaluation.effort import Effort, effort_of
from kws_live.evaluation.intervals import Rate
from kws_live.evaluation.make_stream import StreamSettings, make_stream, write_stream
from kws_live.evaluation.material import find_material
from kws_live.evaluation.operating_points import THRESHOLDS, Sweep, sweep
from kws_live.evaluation.streaming import LabelledRun, StreamScore, measure_stream
from kws_live.evaluation.talk import TalkRun, TalkScore, measure_talk
from kws_live.model import Model
from kws_live.scan.archive import scan
from kws_live.scan.workers import LocalProcesses
from kws_live.sources.recordings import length_seconds, read_mono
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings, Mode

SNRS_DB: Final = (30.0, 10.0, 0.0)
NOISES: Final = {"room noise": Path("test") / "_silence_", "ESC-10": Path("noise") / "esc10"}
"""The noise of the official test set, from the rooms it was recorded in; and dogs, clocks, rain and chainsaws."""
NOISE_HOURS: Final = 3
MODES: Final[tuple[Mode, ...]] = ("command", "spotting")
SEED: Final = 2026


@dataclass(frozen=True)
class ScanSpeed:
    """`kws-live scan` on the talk: hours of audio per CPU hour, and the speed-up by a second worker."""

    hours: float
    per_cpu_hour: float
    gain_of_two: float

    def __str__(self) -> str:
        gain = f"2 workers: {self.gain_of_two:.1f} times"
        return f"{self.per_cpu_hour:.0f} h ({self.hours:.2f} h of short Opus files); {gain}"


@dataclass(frozen=True)
class Measured:
    """All measurements of a model."""

    model: Model
    clips: ClipScore
    noise: NoiseScore
    streams: dict[str, StreamScore]
    spotting: dict[str, StreamScore]
    long_noise: dict[Mode, Rate]
    efforts: dict[str, Effort]
    talk: dict[Mode, TalkScore]
    swept: dict[Mode, Sweep]
    talk_swept: dict[Mode, dict[float, TalkScore]]
    scan_speed: ScanSpeed


def build_streams(data: Path, folder: Path, keywords: Sequence[str], n_words: int) -> dict[str, Path]:
    """Build streams of test clips, without noise and in each noise at each SNR, with the same words in all."""
    kinds: list[tuple[str, Path | None, float]] = [("no noise", None, 0.0)]
    kinds += [(f"{noise} {snr_db:g} dB", where, snr_db) for noise, where in NOISES.items() for snr_db in SNRS_DB]
    streams = {}
    with steps("building streams", len(kinds) * n_words) as advance:
        for name, where, snr_db in kinds:
            noise = None if where is None else data / where
            settings = StreamSettings(n_words=n_words, snr_db=snr_db, talk_share=0.0, seed=SEED)
            samples, labels = make_stream(find_material(data / "test", keywords, noise), settings, advance)
            streams[name] = folder / f"{name.replace(' ', '_')}.flac"
            write_stream(streams[name], streams[name].with_suffix(".csv"), samples, labels)
    return streams


def build_noise(data: Path, folder: Path) -> list[Path]:
    """Write half hours of ESC-10 without a word, each recording over another one, as loud as in the streams."""
    rng = np.random.default_rng(SEED)
    found = [read_mono(path, SPEECH_RATE_HZ) for path in sound_files(data / NOISES["ESC-10"], deep=True)]
    found = [sound / np.sqrt(np.mean(np.square(sound))) for sound in found if sound.any()]
    paths = [folder / f"noise-{number}.flac" for number in range(2 * NOISE_HOURS)]
    for path in paths:
        parts: list[Samples] = []
        while sum(part.size for part in parts) < 1800 * SPEECH_RATE_HZ:
            first, second = (found[k] for k in rng.choice(len(found), 2, replace=False))
            pair = first + 10 ** (rng.uniform(-20, 0) / 20) * np.resize(second, first.size)
            parts.append(np.clip(10 ** (rng.uniform(-56, -26) / 20) * pair, -1, 1).astype(np.float32))
        write_stream(path, path.with_suffix(".csv"), np.concatenate(parts), [])
    return paths


def measure(
    model: Model,
    data: Path,
    streams: dict[str, Path],
    long_noise: Sequence[Path],
    talk: Sequence[Path],
    keep: Path | None,
) -> Measured:
    """Run one model on everything; the other mode and other thresholds are evaluated on the recorded runs."""
    name = model.card.name
    settings = make_settings(model).snapshot()
    found = find_clips(data / "test", model.card.labels)
    with steps(f"{name}: clips", len(found)) as advance:
        clips = score_clips(model, found, advance)
    with steps(f"{name}: noise", len(sound_files(data / "noise" / "esc10", deep=True))) as advance:
        noise = score_noise(model, data / "noise" / "esc10", advance)
    runs: dict[str, LabelledRun] = {}
    scores: dict[str, StreamScore] = {}
    with steps(f"{name}: streams", length_seconds(streams.values())) as advance:
        for stream, path in streams.items():
            runs[stream], scores[stream] = measure_stream(
                model, settings, path, path.with_suffix(".csv"), keep, advance
            )
    with steps(f"{name}: hours of noise", length_seconds(long_noise)) as advance:
        noise_runs = [
            measure_stream(model, settings, path, path.with_suffix(".csv"), keep, advance)[0] for path in long_noise
        ]
    talk_runs: list[TalkRun] = []
    seconds = length_seconds(path for folder in talk for path in sound_files(folder, deep=True))
    with steps(f"{name}: talk", seconds) as advance:
        for folder in talk:
            talk_runs += measure_talk(model, settings, folder, keep, advance)[0]
    swept: dict[Mode, Sweep] = {}
    talk_swept: dict[Mode, dict[float, TalkScore]] = {mode: {} for mode in MODES}
    with steps(f"{name}: thresholds", 2 * len(MODES) * len(THRESHOLDS)) as advance:
        for mode in MODES:
            swept[mode] = sweep(list(runs.values()), replace(settings, mode=mode), progress=advance)
            for threshold in THRESHOLDS:
                at = replace(settings, mode=mode, thresholds=dict.fromkeys(settings.thresholds, threshold))
                talk_swept[mode][threshold] = talk_score(talk_runs, at)
                advance(1)
        by_mode = {mode: talk_score(talk_runs, replace(settings, mode=mode)) for mode in MODES}
        in_noise = {
            mode: sum((one.score(replace(settings, mode=mode)) for one in noise_runs), StreamScore()) for mode in MODES
        }
        spotting = {stream: one.score(replace(settings, mode="spotting")) for stream, one in runs.items()}
    efforts = {stream: effort_of(one.run, scores[stream]) for stream, one in runs.items()}
    speed = measure_scan(model, settings, talk)
    rates = {mode: score.false_accepts["noise"] for mode, score in in_noise.items()}
    return Measured(model, clips, noise, scores, spotting, rates, efforts, by_mode, swept, talk_swept, speed)


def measure_scan(model: Model, settings: DecisionSettings, talk: Sequence[Path]) -> ScanSpeed:
    """Scan the talk with one worker and with two, as `kws-live scan` does."""
    seconds = []
    with tempfile.TemporaryDirectory() as temporary, steps(f"{model.card.name}: scan", 2) as advance:
        for n_workers in (1, 2):
            since = time.monotonic()
            out = Path(temporary) / f"{n_workers}.parquet"
            result = scan(talk, out, model, replace(settings, gate_mode=None), LocalProcesses(n_workers))
            seconds.append(time.monotonic() - since)
            advance(1)
            if n_workers == 1:
                alone = result.hours_per_cpu_hour
    return ScanSpeed(result.audio_seconds / 3600, alone, seconds[0] / seconds[1])


def talk_score(runs: Sequence[TalkRun], settings: DecisionSettings) -> TalkScore:
    return sum((one.score(settings) for one in runs), TalkScore())
