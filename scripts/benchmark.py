"""Measure the shipped models on recordings that nothing was trained on, and write the figures down.

DATA holds:

  test/                   one-second clips in class folders: the official test set of Speech Commands v0.02
  test/_silence_/         the noise among them
  noise/esc10/            recordings of noise in class folders
  speech/librispeech/     read speech; the speakers of training and validation are left out

The streams are built from test/ with a fixed seed, the same for every model. Their labels say when a word's sound
ends. The figures go into models/NAME/report.md, and five of them into README.md, between markers.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from marked_text import put_between
from speakers import SPEAKERS

from kws_live.cli.progress import steps
from kws_live.detection import make_settings
from kws_live.errors import KwsLiveError
from kws_live.evaluation import report
from kws_live.evaluation.clips import ClipScore, NoiseScore, find_clips, score_clips, score_noise
from kws_live.evaluation.effort import Effort, effort_of
from kws_live.evaluation.make_stream import StreamSettings, make_stream, write_stream
from kws_live.evaluation.material import find_material
from kws_live.evaluation.operating_points import THRESHOLDS, Sweep, compare, sweep
from kws_live.evaluation.report import Table
from kws_live.evaluation.streaming import LabelledRun, StreamScore, measure_stream
from kws_live.evaluation.talk import TalkRun, TalkScore, measure_talk
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.model.folders import shipped_models, shipped_models_folder
from kws_live.scan.archive import scan
from kws_live.scan.workers import LocalProcesses
from kws_live.sources.recordings import length_seconds
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings, Mode

HERE: Final = Path(__file__).resolve().parents[1]
BEGIN: Final = "<!-- benchmark: scripts/benchmark writes what follows -->"
END: Final = "<!-- benchmark: end -->"
SNRS_DB: Final = (30.0, 10.0, 0.0)
NOISES: Final = {"room noise": Path("test") / "_silence_", "ESC-10": Path("noise") / "esc10"}
"""The official test set's own noise, of rooms it was recorded in; and dogs, clocks, rain and chainsaws."""

README_ROWS: Final = (
    "stream, no noise: words spotted, command mode",
    "stream, room noise 10 dB: words spotted, command mode",
    "other noise (ESC-10), by the second",
    "read speech: false accepts, command mode",
    "delay from the word's end",
)
MODES: Final[tuple[Mode, ...]] = ("command", "spotting")
TARGET_PER_HOUR: Final = 1.0
SEED: Final = 2026


@dataclass(frozen=True)
class ScanSpeed:
    """Of `kws-live scan` over the talk: hours of audio an hour of CPU; one worker's clock time over that of two."""

    hours: float
    per_cpu_hour: float
    gain_of_two: float

    def __str__(self) -> str:
        gain = f"2 workers: {self.gain_of_two:.1f} times"
        return f"{self.per_cpu_hour:.0f} h ({self.hours:.2f} h of short Opus files); {gain}"


@dataclass(frozen=True)
class Measured:
    """Everything measured of a model."""

    model: Model
    clips: ClipScore
    noise: NoiseScore
    streams: dict[str, StreamScore]
    spotting: dict[str, StreamScore]
    efforts: dict[str, Effort]
    talk: dict[Mode, TalkScore]
    swept: dict[Mode, Sweep]
    talk_swept: dict[Mode, dict[float, TalkScore]]
    scan_speed: ScanSpeed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", action="append", help="only this one, may be given again (default: all shipped)")
    parser.add_argument("--words", type=int, default=300, help="words in each stream (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what the models saw, and use it next time")
    parser.add_argument("--dry", action="store_true", help="print the tables and write nothing")
    given = parser.parse_args(arguments)
    try:
        return run(given)
    except KwsLiveError as error:
        print(f"scripts/benchmark: {error}", file=sys.stderr)
        return 1


def run(given: argparse.Namespace) -> int:
    since = time.monotonic()
    names = given.model or [name for name in shipped_models() if not name.startswith("paper")]
    names.sort(key=lambda name: name != DEFAULT_MODEL)  # the default model first
    talk = sorted(folder for folder in (given.data / "speech" / "librispeech").iterdir() if folder.name not in SPEAKERS)
    with tempfile.TemporaryDirectory() as temporary:
        streams = build_streams(given.data, Path(temporary), load_model(names[0]).card.keywords, given.words)
        measured = [measure(load_model(name), given.data, streams, talk, given.keep) for name in names]
    minutes = (time.monotonic() - since) / 60
    overview = overview_table(measured)
    print(overview.markdown())
    for one in measured:
        text = "\n".join(
            [
                heading(given.words, minutes),
                overview_text(overview),
                *(table.markdown() for table in model_tables(one, measured)),
            ]
        )
        folder = shipped_models_folder() / one.model.card.name
        if given.dry:
            print(text)
            continue
        report.draw_det(one.swept["command"], folder / "streaming_det.png")
        report.draw_frontier(frontier(one), folder / "frontier.png")
        text += "\n![Detection error trade-off on the streams](streaming_det.png)\n"
        text += "\n![Words spotted and delay against false accepts on read speech](frontier.png)\n"
        put_between(folder / "report.md", "## The detector on test recordings\n\n" + text, BEGIN, END, "\n")
    if not given.dry:
        put_between(HERE / "README.md", readme_rows(overview), BEGIN, END)
    print(f"{minutes:.1f} minutes", file=sys.stderr)
    return 0


def build_streams(data: Path, folder: Path, keywords: Sequence[str], n_words: int) -> dict[str, Path]:
    """Name -> stream of test clips, without noise and in each noise at each SNR; the words are the same in all."""
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


def measure(model: Model, data: Path, streams: dict[str, Path], talk: Sequence[Path], keep: Path | None) -> Measured:
    """Run one model over everything; the other mode and other thresholds are decided from what was kept of the run."""
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
        spotting = {stream: one.score(replace(settings, mode="spotting")) for stream, one in runs.items()}
    efforts = {stream: effort_of(one.run, scores[stream]) for stream, one in runs.items()}
    speed = measure_scan(model, settings, talk)
    return Measured(model, clips, noise, scores, spotting, efforts, by_mode, swept, talk_swept, speed)


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


def frontier(one: Measured) -> dict[str, list[report.Point]]:
    """What each threshold gives in each mode."""
    return {
        mode: [
            report.Point(threshold, talk.false_accepts, score.hits, score.delays())
            for threshold, talk in one.talk_swept[mode].items()
            for score in [one.swept[mode].scores[threshold]]
        ]
        for mode in MODES
    }


def talk_score(runs: Sequence[TalkRun], settings: DecisionSettings) -> TalkScore:
    return sum((one.score(settings) for one in runs), TalkScore())


def overview_table(measured: Sequence[Measured]) -> Table:
    """One column for each model."""
    rows: list[tuple[str, ...]] = []

    def row(name: str, cells: Sequence[object]) -> None:
        rows.append((name, *map(str, cells)))

    row("clips: all twelve classes right", [one.clips.accuracy for one in measured])
    row("clips: the ten words right", [one.clips.ten_words for one in measured])
    row("clips: unknown words taken for a command", [one.clips.unknown_fired for one in measured])
    row("clips: noise taken for a command", [one.clips.noise_fired for one in measured])
    row("other noise (ESC-10), by the second", [one.noise.fired for one in measured])
    for stream in measured[0].streams:
        row(f"stream, {stream}: words spotted, spotting mode", [one.spotting[stream].hits for one in measured])
        row(f"stream, {stream}: words spotted, command mode", [one.streams[stream].hits for one in measured])
        row(f"stream, {stream}: another word instead", [one.streams[stream].wrong for one in measured])
    rates = [sum(one.streams.values(), StreamScore()).false_accepts for one in measured]
    row("streams: false accepts on noise", [rate["noise"] for rate in rates])
    row("read speech: false accepts, command mode", [one.talk["command"].false_accepts for one in measured])
    row("read speech: false accepts, spotting mode", [one.talk["spotting"].false_accepts for one in measured])
    delays = [sum(one.streams.values(), StreamScore()).delays() for one in measured]
    row("delay from the word's end", [f"{d[0]:.2f} s, 95 % within {d[1]:.2f} s" if d else "" for d in delays])
    efforts = [sum(one.efforts.values(), Effort()) for one in measured]
    row("CPU for a second of audio", [f"{1000 * e.cpu_seconds / e.seconds:.1f} ms" for e in efforts])
    row("archives (`scan`): audio for one hour of CPU", [one.scan_speed for one in measured])
    return Table("All shipped models", ("", *(one.model.card.name for one in measured)), tuple(rows))


def readme_rows(table: Table) -> str:
    """What a newcomer wants to know first, without a heading; a KeyError if a row has gone."""
    rows = {row[0]: row for row in table.rows}
    return replace(table, rows=tuple(rows[name] for name in README_ROWS)).markdown().split("\n", 2)[2]


def overview_text(table: Table) -> str:
    return (
        f"{table.markdown()}\n"
        "Measured by `scripts/benchmark DATA` with the pipeline that runs live, on recordings that nothing was\n"
        "trained on; 95 % intervals in brackets. Thresholds and rules were chosen on training and validation\n"
        "speakers, but chosen anew there after figures of this table had been seen: the threshold and the rules of\n"
        "command mode for read speech. Streams: words of the official test set at random distances, in the noise and\n"
        "at the SNR given; a word is spotted if it is told within a second after its end. Room noise: that of the\n"
        "official test set. Read speech: LibriSpeech; words that the transcript holds are not counted.\n"
    )


def model_tables(one: Measured, measured: Sequence[Measured]) -> list[Table]:
    tables = [*report.clip_tables(one.clips), *report.noise_tables(one.noise)]
    for stream, score in one.streams.items():
        tables += report.stream_tables(score, one.efforts[stream], f"Stream, {stream}")[:1]
    total = sum(one.streams.values(), StreamScore())
    tables += report.stream_tables(total, sum(one.efforts.values(), Effort()), "All streams together")
    for mode in MODES:
        tables += report.talk_tables(one.talk[mode], mode)
    for stream, spotting in one.spotting.items():
        modes = compare([spotting], [one.streams[stream]])
        tables.append(report.comparison_table(modes, "spotting mode", f"Stream, {stream}: command mode"))
    tables += report.sweep_tables(one.swept["command"], TARGET_PER_HOUR)
    tables += [report.frontier_table(mode, points) for mode, points in frontier(one).items()]
    for other in measured:
        if other is not one:
            paired = compare(list(other.streams.values()), list(one.streams.values()))
            tables.append(report.comparison_table(paired, other.model.card.name, one.model.card.name))
    return tables


def heading(n_words: int, minutes: float) -> str:
    return (
        f"Measured by `scripts/benchmark DATA --words {n_words}` in {minutes:.0f} minutes for all models, on "
        f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}. Nothing was trained on "
        "these recordings. 95 % intervals in brackets.\n"
    )


def processor() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


if __name__ == "__main__":
    raise SystemExit(main())
