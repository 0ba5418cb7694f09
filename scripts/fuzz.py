"""Thousands of bad inputs, `scripts/fuzz --minutes 5`: each target runs in its own process with limited memory.

A traceback, a crash, a hang or too much memory is a fault; it is reported with the seed that reproduces it.
"""

import argparse
import faulthandler
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.robustness import hostile

MEMORY_MB = 1500
"""Address space of a target; the libraries alone map about 800 MB."""

HANG_SECONDS = 60
ALL = {**hostile.TARGETS, "hostile networks": hostile.try_hostile_network}


def work(name: str, seed: int, seconds: float, memory_mb: int) -> None:
    """In the child process: try one seed after another, each printed before it is tried; then print the results."""
    faulthandler.enable()
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
    end = time.monotonic() + seconds
    became: Counter[str] = Counter()
    while time.monotonic() < end:
        print(f"seed {seed}", flush=True)
        became[ALL[name](seed)] += 1
        seed += 1
    print(f"done {dict(became)}", flush=True)


def watch(name: str, seed: int, seconds: float, memory_mb: int) -> tuple[int, list[str]]:
    """Run a target in child processes, a new one after each fault; returns the number of seeds tried and the faults."""
    end = time.monotonic() + seconds
    first, faults, became = seed, [], ""
    while (left := end - time.monotonic()) > 0:
        code = [sys.executable, __file__, "--work", name, "--seed", str(seed), "--seconds", str(left)]
        try:
            done = subprocess.run(
                [*code, "--memory-mb", str(memory_mb)], capture_output=True, text=True, timeout=left + HANG_SECONDS,
                check=False,
            )  # fmt: skip
            lines, errors, how = done.stdout.splitlines(), done.stderr, f"exit code {done.returncode}"
        except subprocess.TimeoutExpired as error:
            lines = (error.stdout or b"").decode().splitlines()
            errors, how = "", f"no end after {HANG_SECONDS} s"
        if lines and lines[-1].startswith("done"):
            became = lines[-1].removeprefix("done ")
            seed = int(lines[-2].split()[1]) + 1 if len(lines) > 1 else seed
            break
        broken = int(lines[-1].split()[1]) if lines else seed
        what = [line for line in errors.splitlines() if line and not line.startswith(("INFO", "Extension"))]
        told = next((line for line in what if line.startswith("Fatal")), what[-1] if what else "")
        faults.append(f"{name}, seed {broken}: {how}: {told[:200]}")
        seed = broken + 1
    print(f"{name:<18} {seed - first:>7} tried, {len(faults)} faults   {became}", flush=True)
    return seed - first, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--only", choices=[*ALL], help="only this target")
    parser.add_argument("--memory-mb", type=int, default=MEMORY_MB)
    parser.add_argument("--work", choices=[*ALL], help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, arguments.seed, arguments.seconds, arguments.memory_mb)
        return 0
    names = [arguments.only] if arguments.only else [*hostile.TARGETS]
    faults: list[str] = []
    for name in names:
        faults += watch(name, arguments.seed, 60 * arguments.minutes / len(names), arguments.memory_mb)[1]
    for fault in faults:
        print(f"FAULT {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
