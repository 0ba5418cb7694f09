"""Find words in archives: files and folders of any size, on all cores.

  kws-live scan recordings/ --out events.parquet
  kws-live scan talk.flac --out talk.parquet --mode spotting --stats

An interrupted scan resumes when the same command is run again. Files that cannot be read are listed in
events.broken.csv and reported at the end, with exit code 1. The gate is off unless --gate is given, because it adapts
more slowly than the overlap between the parts of a file. Columns: file, keyword, seconds, decided_seconds,
word_end_seconds, score. Your default settings file is not used.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from kws_live.cli.progress import progress
from kws_live.cli.settings_options import add_settings, settings_from
from kws_live.model import load_model
from kws_live.scan.archive import EXCERPT_SECONDS, scan
from kws_live.scan.workers import LocalProcesses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="sound files, and folders of them at any depth"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the table of events to write, .parquet"
    )
    add_settings(parser)
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of processes on this machine (default: one per core)"
    )
    parser.add_argument(
        "--excerpt", type=int, default=EXCERPT_SECONDS, metavar="SECONDS",
        help="length in seconds of the parts into which long files are split (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--stats", action="store_true", help="print statistics at the end: audio, CPU, hours of audio per CPU hour"
    )
    parser.add_argument("--json", action="store_true", help="print only the statistics, as a JSON object")


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.model)
    live = settings_from(arguments, model)
    if arguments.gate is None:
        live.change(gate_mode=None)
    runner = LocalProcesses(arguments.workers)
    since = time.monotonic()
    done = total = 0.0

    with progress("audio") as show:

        def start(seconds: float) -> None:
            nonlocal total
            total = seconds

        def advance(seconds: float) -> None:
            nonlocal done
            done += seconds
            show(round(done), round(total))

        result = scan(arguments.paths, arguments.out, model, live.snapshot(), runner, arguments.excerpt, start, advance)
    figures = {
        "files": result.n_files,
        "events": len(result.detections),
        "broken": len(result.broken),
        "audio_hours": round(result.audio_seconds / 3600, 4),
        "cpu_hours": round(result.cpu_seconds / 3600, 6),
        "audio_hours_per_cpu_hour": round(result.hours_per_cpu_hour, 1),
        "wall_seconds": round(time.monotonic() - since, 2),
    }
    for file, reason in result.broken.items():
        print(f"kws-live: {file} is broken: {reason}", file=sys.stderr)
    code = 1 if result.broken else 0
    if arguments.json:
        print(json.dumps(figures))
        return code
    print(
        f"{arguments.out}: {figures['events']} events in {figures['audio_hours']:.2f} hours of {result.n_files} files"
    )
    if arguments.stats:
        for name, value in figures.items():
            print(f"{name.replace('_', ' '):>24}  {value}")
    return code
