"""The first line of the page: what is going on, in words and a colour, and nothing beside it says otherwise."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kws_live.audio import Block
from kws_live.detection import make_pipeline
from kws_live.errors import SourceLostError
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.live.live_settings import LiveSettings
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from kws_live.spotting.pipeline import Step
from tests.fakes import decision_settings, tone_words
from tests.panel.panel_fakes import FedSource, ToneModel, audible_room, tone_spotter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SOUND = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0)], 6.0)


def wait_for_headline(page: "Page", text: str, tone: str) -> str:
    """Wait until the first line says a text in the colour of a tone; the text of it and of the meter."""
    shown = page.wait_for_function(
        """([text, tone]) => document.querySelector('#status').textContent.includes(text)
            && document.querySelector('#headline').dataset.tone === tone
            && document.querySelector('#headline').innerText + document.querySelector('.now').innerText""",
        arg=[text, tone],
    )
    told = str(shown.json_value())
    assert ("Listening" in told) == (tone == "good")
    return told


class Pulled(FedSource):
    """A live source that can be unplugged, and plugged in again."""

    live = True

    def __init__(self) -> None:
        super().__init__()
        self.there = threading.Event()
        self.there.set()
        self.quiet = tone_words([], 0.1)[:, np.newaxis]

    def read(self, timeout_seconds: float) -> Block | None:
        if not self.there.is_set():
            raise SourceLostError("the USB microphone went away")
        block = super().read(0.1)
        return self.quiet if block is None or not block.size else block

    def open_again(self) -> "Pulled":
        if not self.there.wait(0.05):
            raise SourceLostError("not there")
        return self


@pytest.fixture
def pulled() -> Pulled:
    return Pulled()


@pytest.fixture
def live_page(browser: "Browser", pulled: Pulled, tmp_path: Path) -> Iterator["Page"]:
    """A page beside a source that can be unplugged."""
    settings = LiveSettings(decision_settings(gate_mode=None))
    model = ToneModel()
    pipeline = ChangingPipeline(make_pipeline(model, settings))
    spotter = Spotter(model, settings, pulled, pipeline, reopen=pulled.open_again)
    with spotter, Panel(spotter, Place(port=0, folder=tmp_path)) as panel, closing(browser.new_page()) as page:
        page.goto(panel.url)
        yield page


def test_a_lost_source_is_the_first_line_until_it_is_back(live_page: "Page", pulled: Pulled) -> None:
    wait_for_headline(live_page, "Listening", "good")
    pulled.there.clear()
    assert "Check cable" in wait_for_headline(live_page, "went away", "alarm")
    live_page.wait_for_function(
        "() => document.querySelector('.meter-level').style.transform === 'scaleX(0)'"
    )  # nothing green
    live_page.set_viewport_size({"width": 1280, "height": 800})
    box = live_page.locator("#headline").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 200  # seen without scrolling
    live_page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert live_page.locator("#status").bounding_box()["y"] >= 0  # type: ignore[index]
    pulled.there.set()
    wait_for_headline(live_page, "Listening", "good")


def test_a_program_that_has_muted_the_words_is_the_first_line_until_it_listens_again(
    page: "Page", source: FedSource, spotter: Spotter
) -> None:
    with audible_room(source):
        wait_for_headline(page, "Listening", "good")
        with spotter.muted(hold_off_seconds=0.0):
            assert "automatically" in wait_for_headline(page, "Muted", "warning")
        wait_for_headline(page, "Listening", "good")


def test_no_word_switched_on_is_the_first_line(page: "Page", source: FedSource, spotter: Spotter) -> None:
    with audible_room(source):
        with spotter.settings.only():
            wait_for_headline(page, "No word", "warning")
        wait_for_headline(page, "Listening", "good")


def test_a_closed_gate_is_quiet_and_not_green_and_speech_opens_it(
    page: "Page", source: FedSource, spotter: Spotter
) -> None:
    spotter.settings.change(gate_mode=3)
    with audible_room(source):
        assert "gate" in wait_for_headline(page, "Quiet", "idle")
        spotter.settings.change(gate_mode=None)
        wait_for_headline(page, "Listening", "good")


def test_a_detector_that_stands_still_is_the_first_line(page: "Page", source: FedSource, spotter: Spotter) -> None:
    let_go = threading.Event()

    def hang(_: Step) -> None:
        let_go.wait(20.0)

    unwatch = spotter.watch(hang)
    try:
        with audible_room(source):
            assert "must be quick" in wait_for_headline(page, "not been scored", "alarm")
            unwatch()
            let_go.set()
            wait_for_headline(page, "Listening", "good")
    finally:
        let_go.set()


def test_a_source_that_gives_nothing_is_the_first_line(page: "Page", source: FedSource) -> None:
    wait_for_headline(page, "No audio for", "alarm")
    with audible_room(source):
        wait_for_headline(page, "Listening", "good")


def test_the_end_is_the_first_line_and_times_of_events_stay_what_they_were(page: "Page", source: FedSource) -> None:
    source.feed(SOUND)
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length === 3")
    source.end()
    wait_for_headline(page, "The audio has ended", "alarm")
    times = page.locator("#events time").all_inner_texts()
    now: Any = page.evaluate("Date.now()")
    page.clock.set_fixed_time(now + 3_600_000)  # an hour later
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length === 3")
    assert page.locator("#events time").all_inner_texts() == times


def test_the_list_of_events_stands_still_under_the_pointer_and_goes_on_when_it_leaves(
    page: "Page", source: FedSource
) -> None:
    source.feed(SOUND)
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length === 3")
    page.locator("#events .fired").nth(1).hover()
    source.feed(SOUND)
    page.wait_for_function("() => document.querySelector('#fresh').textContent === '3 new'")
    assert page.locator("#events .fired").count() == 3
    page.mouse.move(1, 1)
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length === 6")
    assert page.locator("#fresh").is_hidden()


class Breaking(FedSource):
    """Fails in a way that no source should."""

    def read(self, timeout_seconds: float) -> Block | None:
        block = super().read(timeout_seconds)
        if block is None:
            raise ZeroDivisionError("a bug of the driver")
        return block


def test_an_error_that_ended_the_listening_is_said_and_not_that_the_audio_has_ended(
    browser: "Browser", tmp_path: Path
) -> None:
    source = Breaking()
    spotter = tone_spotter(source)
    with Panel(spotter, Place(port=0, folder=tmp_path)) as panel, spotter, closing(browser.new_page()) as page:
        page.goto(panel.url)
        with audible_room(source):
            page.locator("#headline[data-tone=good]").wait_for()
        source.end()
        wait_for_headline(page, "Stopped by an error: listening broke: ZeroDivisionError: a bug of the driver", "alarm")
