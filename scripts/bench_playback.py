"""Measure ``--ignore-playback``: a loudspeaker that says the words, and a person who says others over it.

Clips of the ten words are played in real time by a PulseAudio server without a sound card. The microphone hears its own
loudspeaker 60 ms later and 6 dB softer. Four programs listen to it at once: both modes, with and without the option.

  scripts/bench_playback DATA/test
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.virtual_microphone import LOUDSPEAKER, SINK, VirtualMicrophone

WORDS: Final = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SPACE_SECONDS: Final = 2.4
"""From one word to the next."""

Spoken = tuple[str, float]
"""A word and the second at which its clip begins."""


class Listener:
    """A program that listens, and what it has found."""

    def __init__(self, machine: VirtualMicrophone, mode: str, *options: str) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        command = [sys.executable, "-m", "kws_live", "listen", "--json", "--mode", mode, *options]
        self._program = subprocess.Popen(command, env=machine.environment, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._program.stdout or ():
            self.events.append((time.monotonic(), json.loads(line)))

    def end(self) -> None:
        self._program.terminate()
        self._program.wait()
        self._reader.join()

    def heard(self, spoken: Sequence[Spoken], begin: float, counts: Callable[[dict[str, Any]], bool]) -> int:
        """Return how many of the words have an event that counts, soon after them."""
        left = [(at - begin, event["keyword"]) for at, event in self.events if counts(event)]
        n = 0
        for word, second in spoken:
            at = next((item for item in left if item[1] == word and 0.2 < item[0] - second < SPACE_SECONDS), None)
            if at:
                left.remove(at)
                n += 1
        return n


def speech(clips: Path, part: int, n_words: int, offset_seconds: float, file: Path) -> list[Spoken]:
    """Write ``n_words`` clips of one half of the words, one after another, to a file."""
    chosen, rate_hz = random.Random(part), 16_000
    sound = np.zeros(round((n_words * SPACE_SECONDS + offset_seconds + 2) * rate_hz), np.float32)
    spoken: list[Spoken] = []
    for number in range(n_words):
        word = chosen.choice(WORDS[part::2])  # so that an event belongs to one of the two speakers
        clip, _ = soundfile.read(chosen.choice(sorted((clips / word).glob("*.flac"))), dtype="float32")
        second = offset_seconds + number * SPACE_SECONDS + chosen.uniform(-0.3, 0.3)
        at = round(second * rate_hz)
        sound[at : at + clip.size] += 0.5 * clip / np.abs(clip).max()
        spoken.append((word, second))
    soundfile.write(file, sound, rate_hz)
    return spoken


def is_detection(event: dict[str, Any]) -> bool:
    return bool(event["type"] == "detection")


def is_vetoed(event: dict[str, Any]) -> bool:
    return "own_playback" in event.get("reason", "")


def soften(machine: VirtualMicrophone, level: str) -> None:
    """Set the level of the loudspeaker at the microphone."""
    command = ["pactl", "list", "short", "sink-inputs"]
    listed = subprocess.run(command, env=machine.environment, capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        if "loopback" in line:
            command = ["pactl", "set-sink-input-volume", line.split()[0], level]
            subprocess.run(command, env=machine.environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="one folder of FLAC clips for each word")
    parser.add_argument("--words", type=int, default=40, help="by the loudspeaker, and as many by the person")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mic") as folder:
        machine = VirtualMicrophone(Path(folder))
        machine.start()
        machine.add_loudspeaker()
        soften(machine, "-6dB")
        files = Path(folder) / "loudspeaker.wav", Path(folder) / "person.wav"
        played = speech(arguments.clips, 0, arguments.words, 1.0, files[0])
        said = speech(arguments.clips, 1, arguments.words, 2.2, files[1])
        try:
            print("| who speaks | mode | | loudspeaker's words fired | vetoed | person's words fired |")
            print("|---|---|---|---|---|---|")
            for person in (False, True):
                listeners = {
                    (mode, option): Listener(machine, mode, *option.split())
                    for mode in ("command", "spotting")
                    for option in ("", "--ignore-playback")
                }
                time.sleep(5)
                begin = time.monotonic()
                players = [threading.Thread(target=machine.play, args=(files[0], LOUDSPEAKER))]
                players += [threading.Thread(target=machine.play, args=(files[1], SINK))] if person else []
                for player in players:
                    player.start()
                for player in players:
                    player.join()
                time.sleep(2)
                for (mode, option), listener in listeners.items():
                    listener.end()
                    fired, vetoed = (listener.heard(played, begin, kind) for kind in (is_detection, is_vetoed))
                    own = f"{listener.heard(said, begin, is_detection)} of {len(said)}" if person else ""
                    who = "loudspeaker and person" if person else "loudspeaker"
                    print(f"| {who} | {mode} | {option} | {fired} of {len(played)} | {vetoed} | {own} |", flush=True)
        finally:
            machine.stop()


if __name__ == "__main__":
    main()
