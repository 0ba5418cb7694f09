"""The terminal view of ``kws-live listen --live``: level, scores, thresholds set by keys, recent events."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kws_live.errors import ConfigError
from kws_live.events import Detection, NearMiss
from kws_live.panel.observer import Observer
from kws_live.spotter import Spotter

PICTURE_SECONDS: Final = 0.1
BAR: Final = 40
STEP: Final = 0.01
LOWEST_DB: Final = -60.0
N_EVENTS: Final = 8
KEYS: Final = "↑ ↓ word   ← → threshold   space on/off   m mode   g gate   r reset   q quit"
TONES: Final = {"alarm": "bold red", "warning": "yellow", "idle": "dim", "good": "bold green"}
GATES: Final = (None, 0, 1, 2, 3)


class LiveView:
    """The content of the view and the action of each key.

    Parameters
    ----------
    observer : of the spotter
    """

    def __init__(self, observer: Observer) -> None:
        self.selected = 0
        self._observer = observer
        self._settings = observer.spotter.settings
        self._words = observer.state.keywords

    def press(self, key: str) -> bool:
        """Handle a key: "up", "down", "left", "right" or a letter; False for quit."""
        now = self._settings.snapshot()
        word = self._words[self.selected]
        match key:
            case "up" | "down":
                self.selected = (self.selected + (1 if key == "down" else -1)) % len(self._words)
            case "left" | "right":
                value = now.thresholds[word] + (STEP if key == "right" else -STEP)
                self._settings.set_threshold(word, round(min(1.0, max(STEP, value)), 2))
            case " ":
                active = {one for one in self._words if now.listens_to(one)} ^ {word}
                self._settings.change(active=None if len(active) == len(self._words) else frozenset(active))
            case "m":
                self._settings.change(mode="spotting" if now.mode == "command" else "command")
            case "g":
                self._settings.change(gate_mode=GATES[(GATES.index(now.gate_mode) + 1) % len(GATES)])
            case "r":
                self._settings.reset()
            case "q":
                return False
        return True

    def render(self) -> RenderableType:
        """Return the current content."""
        now, settings = self._observer.state.now(), self._settings.snapshot()
        headline = self._observer.headline()
        head = Text.assemble(
            ("level ", "dim"),
            _bar(1 - now.level_db / LOWEST_DB, 1 - now.peak_db / LOWEST_DB, "red" if now.clipping else "green"),
            (f" {now.level_db:4.0f} dB  ", "dim"),
            ("clipping: turn it down  ", "bold red") if now.clipping else "",
            (headline.text, TONES[headline.tone]),
        )
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
        for index, word in enumerate(self._words):
            listens, threshold = settings.listens_to(word), settings.thresholds[word]
            mark = "▸" if index == self.selected else " "
            style = ("bold" if index == self.selected else "") if listens else "dim strike"
            over = now.peaks[index] >= threshold
            bar = _bar(now.scores[index], threshold, "green" if over else "blue")
            table.add_row(mark, Text(word, style), bar, Text(f"{threshold:.2f}", "bold green" if over else ""))
        gate = "off" if settings.gate_mode is None else settings.gate_mode
        foot = Text(f"mode {settings.mode}   gate {gate}   refractory {settings.refractory_seconds:g} s", "dim")
        troubles = [Text(f"! {one.text}: {one.advice}", TONES[one.tone]) for one in self._observer.troubles()]
        return Group(head, Text(), table, Text(), *self._events(), *troubles, Text(), foot, Text(KEYS, "dim"))

    def _events(self) -> list[Text]:
        lines = []
        for event in list(self._observer.state.history.events)[-N_EVENTS:][::-1]:
            if isinstance(event, Detection):
                lines.append(
                    Text.assemble(f"{event.seconds:8.2f} s  ", (event.keyword, "bold"), f"  {event.score:.2f}")
                )
            elif isinstance(event, NearMiss):
                near = f"{event.seconds:8.2f} s  {event.keyword}  {event.score:.2f}  {event.reason}"
                lines.append(Text(near, "dim"))
        return lines + [Text()] * (N_EVENTS - len(lines))


def _bar(share: float, mark: float, colour: str) -> Text:
    """Return a bar with a mark across it."""
    filled, at = round(BAR * min(1.0, max(0.0, share))), round((BAR - 1) * min(1.0, max(0.0, mark)))
    bar = Text()
    for cell in range(BAR):
        inside = cell < filled
        bar.append("┃" if cell == at else "━", "bold" if cell == at else colour if inside else "grey30")
    return bar


def terminal() -> Console:
    """Return the terminal for the view.

    Raises
    ------
    ConfigError
        If there is none.
    """
    console = Console()
    if not console.is_terminal:
        raise ConfigError("--live needs a terminal; without one use: kws-live listen --json")
    return console


@contextlib.contextmanager
def live_view(spotter: Spotter, console: Console) -> Iterator[None]:
    """Show the view of a running spotter during the ``with`` block."""
    observer = Observer(spotter)
    view = LiveView(observer)
    stopped = threading.Event()

    def show() -> None:
        with _keys() as next_key, Live(console=console, auto_refresh=False, screen=True) as live:
            while not stopped.is_set():
                observer.poll()
                live.update(view.render(), refresh=True)
                if (key := next_key(PICTURE_SECONDS)) and not view.press(key):
                    spotter.stop()
                    return

    thread = threading.Thread(target=show, name="kws-live view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        observer.close()


ESCAPES: Final = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
}

if sys.platform == "win32":
    import msvcrt

    ARROWS: Final = {"H": "up", "P": "down", "M": "right", "K": "left"}

    @contextlib.contextmanager
    def _keys() -> Iterator[Callable[[float], str]]:
        """Yield a function that returns the next key, or "" after a time-out in seconds."""

        def next_key(timeout_seconds: float) -> str:
            end = time.monotonic() + timeout_seconds
            while not msvcrt.kbhit():
                if time.monotonic() > end:
                    return ""
                time.sleep(0.01)
            key = msvcrt.getwch()
            return ARROWS.get(msvcrt.getwch(), "") if key in "\0\xe0" else key

        yield next_key

else:
    import os
    import re
    import select
    import termios
    import tty

    KEY: Final = re.compile(r"\x1b[\[O].|.", re.DOTALL)
    """A cursor key's sequence, or a character."""

    @contextlib.contextmanager
    def _keys() -> Iterator[Callable[[float], str]]:
        """Yield a function that returns the next key, or "" after a time-out in seconds."""
        if not sys.stdin.isatty():  # used for audio: view only

            def no_key(timeout_seconds: float) -> str:
                time.sleep(timeout_seconds)
                return ""

            yield no_key
            return
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal)  # keys arrive immediately and are not echoed; Ctrl-C still works

        pending: list[str] = []  # keys pressed in quick succession arrive together

        def next_key(timeout_seconds: float) -> str:
            if not pending and select.select([terminal], [], [], timeout_seconds)[0]:
                pending.extend(KEY.findall(os.read(terminal, 64).decode("utf-8", "replace")))
            key = pending.pop(0) if pending else ""
            return ESCAPES.get(key[1:], "") if key.startswith("\x1b") else key

        try:
            yield next_key
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
