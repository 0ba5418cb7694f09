"""The terminal view: what it shows, and what its keys do."""

import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from kws_live.cli import live_view
from kws_live.cli.live_view import LiveView
from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.listening import listen
from kws_live.model import Model
from kws_live.panel.observer import Observer
from kws_live.sources import open_source
from kws_live.spotter import Spotter
from kws_live.spotting.decision_settings import DecisionSettings


@pytest.fixture
def spotter(commands_model: Model) -> Iterator[Spotter]:
    with listen(open_source("demo:", paced=False), model=commands_model) as running:
        yield running


@pytest.fixture
def observer(spotter: Spotter) -> Iterator[Observer]:
    observer = Observer(spotter)
    yield observer
    observer.close()


class Keys:
    """A view, its keys, and what they change."""

    def __init__(self, observer: Observer) -> None:
        self.view = LiveView(observer)
        self.settings = observer.spotter.settings
        self.words = observer.state.keywords

    def press(self, *keys: str) -> DecisionSettings:
        """The settings after these keys."""
        for key in keys:
            assert self.view.press(key)
        return self.settings.snapshot()


@pytest.fixture
def keys(observer: Observer) -> Keys:
    return Keys(observer)


def text_of(view: LiveView) -> str:
    console = Console(file=io.StringIO(), width=120, legacy_windows=False)
    console.print(view.render())
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


class Terminal:
    """Standard input, as far as the view asks it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor


@pytest.mark.slow
def test_it_shows_the_words_their_thresholds_and_the_last_events(observer: Observer, spotter: Spotter) -> None:
    spotter.wait()
    observer.poll()
    shown = text_of(LiveView(observer))
    settings = spotter.settings.snapshot()
    for word, threshold in settings.thresholds.items():
        assert any(word in line.split()[:2] and f"{threshold:.2f}" in line for line in shown.splitlines())
    detections = [event for event in observer.state.history.events if isinstance(event, Detection)]
    assert detections
    assert f"{detections[-1].keyword}  {detections[-1].score:.2f}" in shown
    assert "mode command" in shown


def test_keys_move_between_words_and_set_their_thresholds(keys: Keys) -> None:
    first, second, *_, last = keys.words
    before = keys.settings.snapshot().thresholds
    assert keys.press("right", "right").thresholds[first] == pytest.approx(before[first] + 0.02)
    assert keys.press("down", "left").thresholds[second] == pytest.approx(before[second] - 0.01)
    assert keys.press("up", "up", "right").thresholds[last] == pytest.approx(before[last] + 0.01)


def test_a_threshold_stops_at_its_ends(keys: Keys) -> None:
    word = keys.words[0]
    keys.settings.set_threshold(word, 0.01)
    assert keys.press("left").thresholds[word] == 0.01
    keys.settings.set_threshold(word, 1.0)
    assert keys.press("right").thresholds[word] == 1.0


def test_keys_switch_words_mode_and_gate_and_reset_all(keys: Keys) -> None:
    word = keys.words[0]
    before = keys.settings.snapshot()
    assert not keys.press(" ").listens_to(word)
    assert keys.press(" ").active is None
    assert keys.press("m").mode == "spotting"
    gates = [keys.press("g").gate_mode for _ in range(5)]
    assert set(gates) == {None, 0, 1, 2, 3}
    assert keys.press("x", "", "g", "r") == before  # other keys do nothing


def test_q_ends_it(keys: Keys) -> None:
    assert keys.view.press("r")
    assert not keys.view.press("q")


def test_without_a_terminal_it_says_what_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(ConfigError, match=r"needs a terminal.*--json"):
        live_view.terminal()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_in_a_terminal_keys_come_one_by_one_and_it_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, commands_model: Model
) -> None:
    import pty
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    monkeypatch.setattr(sys, "stdin", Terminal(theirs))
    output: Any = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, height=40)
    with listen(open_source("demo:"), model=commands_model) as spotter, live_view.live_view(spotter, console):
        first, second, *_ = commands_model.card.keywords
        begin = spotter.settings.snapshot().thresholds
        version = spotter.settings.version
        while not output.getvalue():  # what is typed before the keys are listened to is dropped
            spotter.wait(0.02)
        for key, n_changes in ((b"\x1b[C", 1), (b"\x1b[B\x1b[D", 2), (b"m", 3)):
            os.write(ours, key)
            while spotter.settings.version < version + n_changes:
                assert spotter.settings.version >= version
                spotter.wait(0.02)
        now = spotter.settings.snapshot()
        assert now.thresholds[first] == pytest.approx(begin[first] + 0.01)
        assert now.thresholds[second] == pytest.approx(begin[second] - 0.01)
        os.write(ours, b"q")
        spotter.wait()
    assert second in output.getvalue()
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
