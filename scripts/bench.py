"""Measure the live path on this machine: start-up, memory, CPU, delay, size; five of the figures go into README.md.

Run it on an otherwise idle machine.
"""

import argparse
import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import soundfile
from marked_text import put_between

import kws_live
from kws_live import SAMPLE_RATE_HZ, Detection
from kws_live.audio import HOP_SECONDS

BEGIN = "<!-- bench: scripts/bench writes what follows -->"
END = "<!-- bench: end -->"
README = Path(__file__).resolve().parents[1] / "README.md"
README_ROWS = (
    "start to listening, warm disk",
    "memory while listening",
    "CPU, a second of words (demo)",
    "word end to callback, command",
    "installed, all that listening needs",
)
DEMO = Path(kws_live.__file__).parent / "sources"


def start_seconds(n_runs: int) -> list[float]:
    """Measure the time from the command to the line "listening on ...", with a warm disk."""
    seconds = []
    for _ in range(n_runs + 1):
        begin = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", "kws_live", "listen", "--source", "stdin:16000"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert b"listening" in process.stdout.readline()
            seconds.append(time.monotonic() - begin)
            process.stdin.close()
    return seconds[1:]


def resident_mb(sound: Path) -> float:
    """Return the resident memory of a process that has listened for ten seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kws_live", "listen", "--source", str(sound)], stdout=subprocess.DEVNULL
    )
    time.sleep(10)
    listing = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=True)
    process.terminate()
    process.wait()
    return int(listing.stdout) * 1024 / 1e6


def live_figures(sound: Path, mode: str, ends: dict[str, float]) -> tuple[float, list[float]]:
    """Return CPU ms per second of audio, and the delays from each word's end to its callback, in seconds."""
    spotter = kws_live.listen(str(sound))
    spotter.settings.change(mode=mode)
    called: dict[str, float] = {}

    @spotter.on()
    def note(detection: Detection) -> None:
        called.setdefault(detection.keyword, time.monotonic())

    begin = time.monotonic()
    with spotter:
        spotter.wait()
    # The first block of a file is delivered when its last sample would have been recorded.
    delays = [called[word] - begin - ends[word] for word in ends if word in called]
    return spotter.statistics().cpu_ms_per_second, delays


def waking_ms() -> float:
    """Return CPU ms per second of a loop that wakes once per hop for two small numpy calls, for comparison."""
    block = np.zeros(round(HOP_SECONDS * SAMPLE_RATE_HZ), np.float32)
    begin, cpu = time.monotonic(), time.process_time()
    for _ in range(round(10 / HOP_SECONDS)):
        time.sleep(HOP_SECONDS)
        np.isfinite(block).all()
        block.mean()
    return 1000 * (time.process_time() - cpu) / (time.monotonic() - begin)


def installed_mb() -> float:
    """Return the disk space of the package and of everything that listening needs."""
    todo, seen, n_bytes = ["kws-live"], set(), 0
    while todo:
        name = todo.pop().lower()
        if name in seen:
            continue
        seen.add(name)
        found = metadata.distribution(name)
        n_bytes += sum(
            path.stat().st_size for file in found.files or () if (path := Path(str(file.locate()))).is_file()
        )
        for wanted in found.requires or ():
            requirement, _, condition = wanted.partition(";")
            match = re.match(r"[A-Za-z0-9._-]+", requirement)
            if match and "extra" not in condition and "python_version" not in condition and "platform" not in condition:
                todo.append(match[0])
    models = Path(kws_live.__file__).parent.parent / "models"
    source = [Path(kws_live.__file__).parent, *([models] if models.is_dir() else [])]
    n_bytes += sum(path.stat().st_size for folder in source for path in folder.rglob("*") if path.is_file())
    return n_bytes / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="number of timed starts")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    arguments = parser.parse_args()
    with (DEMO / "demo.csv").open(newline="") as file:
        ends = {row["word"]: float(row["end_seconds"]) for row in csv.DictReader(file)}
    demo = DEMO / "demo.flac"
    with tempfile.TemporaryDirectory() as folder:
        quiet = Path(folder) / "quiet.wav"
        noise = np.random.default_rng(0).standard_normal(30 * SAMPLE_RATE_HZ) * 10 ** (-65 / 20)
        soundfile.write(quiet, noise, SAMPLE_RATE_HZ)
        starts = start_seconds(arguments.runs)
        memory = resident_mb(demo)
        quiet_cpu, _ = live_figures(quiet, "command", {})
        command_cpu, command_delays = live_figures(demo, "command", ends)
        _, spotting_delays = live_figures(demo, "spotting", ends)
    rows = [
        ("start to listening, warm disk", f"{statistics.median(starts):.2f} s", "<= 2.5, aim 1.0"),
        ("memory while listening", f"{memory:.0f} MB", "<= 150"),
        ("CPU, a second of quiet", f"{quiet_cpu:.1f} ms", "<= 3, aim 1"),
        ("CPU, a second of words (demo)", f"{command_cpu:.1f} ms", "<= 15, aim 5"),
        ("  for comparison: waking once per hop", f"{waking_ms():.1f} ms", "two numpy calls each, on this machine"),
        ("word end to callback, spotting", f"{statistics.median(spotting_delays):.2f} s", "<= 0.25, aim 0.15"),
        ("word end to callback, command", f"{statistics.median(command_delays):.2f} s", ""),
        ("words of the demo spotted", f"{len(spotting_delays)} and {len(command_delays)} of {len(ends)}", ""),
        ("installed, all that listening needs", f"{installed_mb():.0f} MB", "<= 260"),
    ]
    for name, value, goal in rows:
        print(f"{name:<36} {value:>12}   {goal}")
    if not arguments.dry:
        table = "\n".join(f"| {name} | {value.strip()} |" for name, value, _ in rows if name in README_ROWS)
        put_between(README, f"| | |\n|---|---|\n{table}", BEGIN, END)


if __name__ == "__main__":
    main()
