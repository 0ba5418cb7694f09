"""Listen while many faults occur, in a seeded order, and check after each step that listening continues correctly.

In simulated rooms, a word is spoken every 1.5 seconds. Each room has its own spotter, which listens in real time with
the real threads and a model that recognises tones. A step breaks something: the source is lost, reopens
without audio, stalls, delivers its backlog in a burst, reports a gap, changes its rate, delivers NaN, raises, or
hangs; callbacks hang or raise; settings change; the source is swapped. Afterwards:

- each loss and each return is reported;
- the words spoken after the step are detected, each within a time limit;
- positions agree with the clock;
- no event reaches a callback beyond an age limit;
- and at the end no thread and no open file is left, and memory has not grown.

  scripts/chaos --minutes 2 --rooms 8 --seed 1
"""

import argparse
import gc
import math
import random
import resource
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from chaos_room import SPACING_SECONDS, WORDS, Microphone, Room, SilentMicrophone

from kws_live import Detection, Event, Spotter
from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import ConfigError, SourceUnavailableError
from kws_live.events import SourceLost, SourceReopened
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.model import Model
from kws_live.system.clock import wall_seconds
from kws_live.testing import tone_model

SETTLE_SECONDS: Final = 1.5
"""Time after the end of a fault until words must be detected again: a window, and audio held back by a source."""

HEARD_WITHIN_SECONDS: Final = 4.0
"""Time limit for a detection on a machine shared by many rooms."""

OLDEST_SECONDS: Final = 11.0
"""Age limit of events at callbacks: those older than ten seconds are dropped, plus a second of tolerance."""

POSITION_SECONDS: Final = 0.8
"""Tolerance between positions and the clock: a source can be late by 0.4 s before that counts as a gap, and by more
on a busy machine."""

HELD_SECONDS: Final = 1.5
"""A late block is held back until it is clear whether the missing ones follow; meanwhile positions do not advance."""


class Chaos:
    """One room, its spotter, and the checks.

    Attributes
    ----------
    done : number of times each step was taken
    wrong : violations
    """

    def __init__(self, model: Model, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.oldest = 0.0
        self._rng = random.Random(seed)
        self._model = model
        self._room = Room(random.Random(seed + 1))
        self._heard: list[tuple[float, Detection]] = []
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._let_go = threading.Event()
        self._hang_until = 0.0
        settings = make_settings(model)
        settings.change(mode="spotting", gate_mode=None)
        source = self._open()
        pipeline = ChangingPipeline(make_pipeline(model, settings))
        self.spotter = Spotter(model, settings, source, pipeline, (), self._reopen)
        self.spotter.on()(self._note)
        self.spotter.on(event=Event)(self._note_event)
        self.spotter.on()(self._hang)

    def _open(self) -> Microphone:
        return Microphone(self._room, self._rng.choice([16_000, 22_050, 44_100, 48_000]))

    def _reopen(self) -> Microphone:
        room = self._room
        if wall_seconds() < room.broken_until:
            if room.fault == "silent":
                return SilentMicrophone(room, 16_000)
            raise room.rng.choice([SourceUnavailableError("not there"), RuntimeError("plug-in"), OSError("busy")])
        return self._open()

    def _note(self, detection: Detection) -> None:
        with self._lock:
            self._heard.append((wall_seconds(), detection))

    def _note_event(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            self.oldest = max(self.oldest, event.age_seconds)

    def _hang(self, _event: Event) -> None:
        if (seconds := self._hang_until - wall_seconds()) > 0:
            self._let_go.wait(seconds)
            if self._rng.random() < 0.5:
                raise RuntimeError("a callback's fault")

    def run(self, until: float) -> None:
        """Take steps until ``until``."""
        steps: list[Callable[[], tuple[str, float]]] = [
            *(lambda fault=fault: self._break(fault) for fault in ("loss", "silent", "stall", "burst", "gap", "nan")),
            *(lambda fault=fault: self._break(fault) for fault in ("rate", "raise")),
            self._hang_callback,
            self._change_settings,
            self._swap,
            self._only,
        ]
        with self.spotter:
            self._check("start")
            while wall_seconds() < until and not self.wrong:
                # A source counts as hung only after ten seconds, so this fault is rare.
                step = self._rng.choice(steps) if self._rng.random() > 0.03 else lambda: self._break("hang")
                n_losses, n_lost, n_back = self._room.n_losses, self._count(SourceLost), self._count(SourceReopened)
                begun = wall_seconds()
                what, again_at = step()
                self.done[what] += 1
                time.sleep(max(0.0, again_at - wall_seconds()))
                self._check(f"{what} for {again_at - begun:.1f} s")
                if self._room.n_losses > n_losses and self._count(SourceLost) == n_lost:
                    self._complain(f"{what}: a loss was not reported")
                if self._count(SourceLost) - n_lost != self._count(SourceReopened) - n_back:
                    self._complain(f"{what}: losses and returns do not match")
            self._let_go.set()
        if self.oldest > OLDEST_SECONDS:
            self._complain(f"an event was {self.oldest:.1f} s old when it was delivered")

    def _count(self, kind: type[Event]) -> int:
        with self._lock:
            return sum(isinstance(event, kind) for event in self._events)

    def _complain(self, what: str) -> None:
        self.wrong.append(f"{what}; after {self._done_so_far()}")

    def _done_so_far(self) -> str:
        return f"{sum(self.done.values())} steps, position {self.spotter.ring.position / SAMPLE_RATE_HZ:.1f} s"

    def _check(self, after: str) -> None:
        """Check that two consecutive words are detected, at the right positions."""
        since = wall_seconds() + SETTLE_SECONDS
        deadline = since + 4 * SPACING_SECONDS + HEARD_WITHIN_SECONDS
        while True:
            with self._lock:
                heard = [(at, one) for at, one in self._heard if (one.heard_at or at) >= since]
            if len(heard) >= 2:
                break
            if wall_seconds() > deadline:
                return self._complain(f"{after}: {len(heard)} of 2 words detected; threads: {_stacks()}")
            time.sleep(0.05)
        for at, detection in heard[:2]:
            spoken_at = (detection.heard_at or at) - self._room.begun
            number = round((spoken_at - 0.4) / SPACING_SECONDS)
            if self._room.word(number) != detection.keyword:
                ends_at = (detection.word_end_position or detection.position) / SAMPLE_RATE_HZ
                self._complain(
                    f"{after}: detected {detection.keyword} at {spoken_at:.2f} s (by its position {ends_at:.2f} s, "
                    f"delivered at {at - self._room.begun:.2f} s) instead of {self._room.word(number)}"
                )
        deadline = wall_seconds() + HELD_SECONDS
        while not -POSITION_SECONDS <= (ahead := self._ahead()) <= POSITION_SECONDS:
            if wall_seconds() > deadline:
                return self._complain(f"{after}: positions are {ahead:.2f} s ahead of the clock")
            time.sleep(0.05)
        return None

    def _ahead(self) -> float:
        """Return the seconds by which positions are ahead of the clock."""
        return self.spotter.ring.position / SAMPLE_RATE_HZ - (wall_seconds() - self._room.begun)

    # The steps; each returns its name and the time at which all must be well again.

    def _break(self, fault: str) -> tuple[str, float]:
        seconds = self._rng.choice([0.7, 1.5, 3.0, 6.0]) if self._rng.random() < 0.9 else 13.0
        if fault == "hang":
            seconds = 16.0
        if fault in ("nan", "rate"):
            seconds = 0.2
        self._room.go_wrong(fault, seconds)
        # A lost source is reopened after up to two seconds; a silent one counts as lost after ten.
        slack = {"loss": 2.5, "raise": 2.5, "silent": 12.5, "hang": 3.0, "burst": 0.5}.get(fault, 0.5)
        if seconds > 10:
            slack = max(slack, 2.5)
        return fault, self._room.broken_until + slack

    def _hang_callback(self) -> tuple[str, float]:
        self._hang_until = wall_seconds() + self._rng.choice([1.0, 4.0, 13.0])
        return "callback hangs", wall_seconds()

    def _change_settings(self) -> tuple[str, float]:
        settings = self.spotter.settings
        for _ in range(20):
            name = self._rng.choice(
                ["smoothing_hops", "gate_mode", "release", "near_miss", "mode", "refractory_seconds"]
            )
            value: Any = self._rng.choice([0, 1, 2.0, 2.5, True, None, "1", math.nan, -1, 10**9, [], "spotting"])
            try:
                settings.change(**{name: value})
            except ConfigError:
                continue
        settings.reset()
        settings.change(mode="spotting", gate_mode=self._rng.choice([None, 1]))
        return "settings change", wall_seconds()

    def _swap(self) -> tuple[str, float]:
        self.spotter._session.change_source(self._open(), self._reopen)
        return "swap", wall_seconds() + 0.5

    def _only(self) -> tuple[str, float]:
        with ExitStack() as first, ExitStack() as second:
            first.enter_context(self.spotter.only("yes"))
            second.enter_context(self.spotter.only("no", "stop"))
            first.close()
            time.sleep(0.3)
        if self.spotter.settings.snapshot().active is not None:
            self._complain("only: words stay masked")
        return "only", wall_seconds() + 1.0


def _stacks() -> str:
    named = {thread.ident: thread.name for thread in threading.enumerate()}
    ours = {name: frame for number, frame in sys._current_frames().items() if "kws-live" in (name := named[number])}
    return "; ".join(
        f"{name}: {' <- '.join(one.name for one in traceback.extract_stack(frame)[-1:-4:-1])}"
        for name, frame in ours.items()
    )


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def run(minutes: float, n_rooms: int, seed: int) -> list[str]:
    """Run rooms in parallel, print a summary, and return the violations."""
    model = tone_model(*WORDS)
    threads_before, files_before = set(threading.enumerate()), _open_files()
    print(f"{n_rooms} rooms for {minutes:g} minutes, seed {seed}", flush=True)
    until = wall_seconds() + 60 * minutes
    rooms = [Chaos(model, seed * 1000 + number) for number in range(n_rooms)]
    runs = [threading.Thread(target=room.run, args=(until,), name=f"room {i}") for i, room in enumerate(rooms)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    wrong = [f"room {i}: {what}" for i, room in enumerate(rooms) for what in room.wrong]
    done = sum((room.done for room in rooms), Counter[str]())
    oldest = max(room.oldest for room in rooms)
    rooms.clear()
    gc.collect()
    end = wall_seconds() + 20.0  # a hung source is released when it responds
    while set(threading.enumerate()) - threads_before and wall_seconds() < end:
        time.sleep(0.1)
    left = [thread.name for thread in set(threading.enumerate()) - threads_before]
    if left:
        wrong.append(f"threads left: {', '.join(sorted(left))}")
    if _open_files() > files_before:
        wrong.append(f"{_open_files() - files_before} files are left open")
    print("steps:", ", ".join(f"{what} {n}" for what, n in sorted(done.items())))
    print(f"{sum(done.values())} steps, {len(wrong)} violations; the oldest event was {oldest:.1f} s old", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    wrong = run(given.minutes, given.rooms, given.seed)
    for what in wrong:
        print(what)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
