"""Measure the shipped models on recordings held out from training, and write the figures to the reports.

DATA contains:

  test/                   one-second clips in class folders: the official test set of Speech Commands v0.02
  test/_silence_/         the noise in it
  noise/esc10/            recordings of noise in class folders
  speech/librispeech/     read speech; the speakers of training and validation are skipped
  talk/                   read speech; only the test speakers are used

The streams are built from test/ with a fixed seed, the same for every model. Their labels give the end of each word.
The figures go into models/NAME/report.md, and five of them into README.md, between markers.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmark_runs import MODES, NOISE_HOURS, Measured, build_noise, build_streams, measure
from marked_text import put_between
from speakers import SPEAKERS
from train_default import more_talk

from kws_live.errors import KwsLiveError
from kws_live.evaluation import report
from kws_live.evaluation.effort import Effort
from kws_live.evaluation.operating_points import compare
from kws_live.evaluation.report import Table
from kws_live.evaluation.streaming import StreamScore
from kws_live.model import DEFAULT_MODEL, load_model
from kws_live.model.folders import shipped_models, shipped_models_folder

HERE: Final = Path(__file__).resolve().parents[1]
BEGIN: Final = "<!-- benchmark: scripts/benchmark writes what follows -->"
END: Final = "<!-- benchmark: end -->"

README_ROWS: Final = (
    "stream, no noise: words spotted, command mode",
    "stream, room noise 10 dB: words spotted, command mode",
    "other noise (ESC-10), by the second",
    "read speech: false accepts, command mode",
    "delay from the word's end",
)
TARGET_PER_HOUR: Final = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", action="append", help="only this model; repeatable (default: all shipped)")
    parser.add_argument("--words", type=int, default=300, help="words in each stream (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save the models' output, and reuse it next time")
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
    talk = talk_to_measure(given.data)
    with tempfile.TemporaryDirectory() as temporary:
        streams = build_streams(given.data, Path(temporary), load_model(names[0]).card.keywords, given.words)
        noise = build_noise(given.data, Path(temporary))
        measured = [measure(load_model(name), given.data, streams, noise, talk, given.keep) for name in names]
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


def talk_to_measure(data: Path) -> list[Path]:
    """Return the folder of each speaker used neither for training nor for any choice."""
    librispeech = sorted((data / "speech" / "librispeech").iterdir())
    more = [folder for folder, set_name in more_talk(data).items() if set_name == "test"]
    return [*(folder for folder in librispeech if folder.name not in SPEAKERS), *more]


def frontier(one: Measured) -> dict[str, list[report.Point]]:
    """Return the result of each threshold in each mode."""
    return {
        mode: [
            report.Point(threshold, talk.false_accepts, score.hits, score.delays())
            for threshold, talk in one.talk_swept[mode].items()
            for score in [one.swept[mode].scores[threshold]]
        ]
        for mode in MODES
    }


def overview_table(measured: Sequence[Measured]) -> Table:
    """Return the table with one column per model."""
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
    for mode in MODES:
        row(f"{NOISE_HOURS} h of ESC-10: false accepts, {mode} mode", [one.long_noise[mode] for one in measured])
    row("read speech: false accepts, command mode", [one.talk["command"].false_accepts for one in measured])
    row("read speech: false accepts, spotting mode", [one.talk["spotting"].false_accepts for one in measured])
    delays = [sum(one.streams.values(), StreamScore()).delays() for one in measured]
    row("delay from the word's end", [f"{d[0]:.2f} s, 95 % within {d[1]:.2f} s" if d else "" for d in delays])
    efforts = [sum(one.efforts.values(), Effort()) for one in measured]
    row("CPU for a second of audio", [f"{1000 * e.cpu_seconds / e.seconds:.1f} ms" for e in efforts])
    row("archives (`scan`): audio for one hour of CPU", [one.scan_speed for one in measured])
    return Table("All shipped models", ("", *(one.model.card.name for one in measured)), tuple(rows))


def readme_rows(table: Table) -> str:
    """Return the rows for the README, without a heading; KeyError if a row is missing."""
    rows = {row[0]: row for row in table.rows}
    return replace(table, rows=tuple(rows[name] for name in README_ROWS)).markdown().split("\n", 2)[2]


def overview_text(table: Table) -> str:
    return (
        f"{table.markdown()}\n"
        "Measured by `scripts/benchmark DATA` with the live pipeline, on recordings held out from\n"
        "training; 95 % intervals in brackets. Thresholds and rules were chosen on training and validation\n"
        "speakers, but some were revised there after this table had been seen: the threshold and the rules of\n"
        "command mode for read speech. Streams: words of the official test set at random intervals, in the noise and\n"
        "at the SNR given; a word is spotted if it is detected within a second after its end. Room noise: from the\n"
        "official test set. The hours of ESC-10: its recordings in random pairs, as loud as in the streams; they\n"
        "repeat, so their interval is too narrow. Read speech: LibriSpeech; words in the transcript do not count.\n"
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
        f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}. These "
        "recordings were not used in training. 95 % intervals in brackets.\n"
    )


def processor() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


if __name__ == "__main__":
    raise SystemExit(main())
