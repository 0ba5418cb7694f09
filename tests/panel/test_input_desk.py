"""Sources and models are chosen on the page, and no end is a dead end."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection
from kws_live.listening import listen
from kws_live.live.live_settings import LiveSettings
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.fakes import decision_settings, tone_words
from tests.panel.panel_fakes import FedSource, ToneModel, audible_room

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    soundfile.write(path, tone_words([("yes", 0.3)], 1.2), SAMPLE_RATE_HZ)
    return path


@pytest.fixture
def player(recording: Path) -> Iterator[Spotter]:
    """A spotter that listens to a short recording, and stays when it has ended."""
    settings = LiveSettings(decision_settings(gate_mode=None))
    spotter = listen(str(recording), model=ToneModel(), settings=settings)
    spotter.stay()
    with spotter:
        yield spotter


@pytest.fixture
def player_page(browser: "Browser", player: Spotter, tmp_path: Path) -> Iterator["Page"]:
    with Panel(player, Place(port=0, folder=tmp_path)) as panel, closing(browser.new_page()) as page:
        page.goto(panel.url)
        yield page


def wait_for_words(page: "Page", n: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#events .fired').length >= n", arg=n)


def test_a_recording_that_has_ended_is_played_again_and_looped(player_page: "Page", player: Spotter) -> None:
    heard: list[str] = []
    player.on()(lambda event: heard.append(event.keyword))
    player_page.get_by_role("button", name="Play again").click()
    wait_for_words(player_page, 2)
    player_page.get_by_label("Repeat", exact=True).check()
    wait_for_words(player_page, 4)
    player_page.get_by_label("Repeat", exact=True).uncheck()
    player_page.get_by_text("The recording has ended", exact=True).wait_for()
    assert set(heard) == {"yes"}


def test_a_source_that_has_ended_is_followed_by_the_demo_and_that_by_the_first_again(
    player_page: "Page", player: Spotter, recording: Path
) -> None:
    player_page.get_by_role("button", name="Choose another source").click()
    player_page.locator("#source option", has_text="demo recording").wait_for(state="attached")
    assert player_page.locator("#source option").all_inner_texts().count("demo recording") == 1
    player_page.locator("#source").select_option(label="demo recording")
    player_page.wait_for_function("() => document.querySelector('#source').selectedOptions[0].value === 'demo:'")
    while player.source.name != "demo recording":
        player_page.wait_for_timeout(20)
    wait_for_words(player_page, 1)
    player_page.locator("#source").select_option(label=str(recording))
    while player.source.name != str(recording):
        player_page.wait_for_timeout(20)
    player_page.get_by_text("The recording has ended", exact=True).wait_for()
    assert player.condition().source_has_ended


def test_a_source_that_was_not_offered_is_refused(player_page: "Page", player: Spotter) -> None:
    refused = player_page.evaluate(
        """() => new Promise((resolve) => {
            const socket = new WebSocket(`ws://${location.host}/live`);
            socket.onopen = () => socket.send(JSON.stringify({ type: "source", name: "/etc/passwd", id: 1 }));
            socket.onmessage = ({ data }) => JSON.parse(data).id === 1 && resolve(JSON.parse(data));
        })"""
    )
    assert "was not offered" in refused["message"]
    assert player.source.name.endswith("talk.wav")


def test_another_model_is_chosen_in_the_page_and_the_first_one_again(
    page: "Page", source: FedSource, spotter: Spotter
) -> None:
    heard: list[Detection] = []
    spotter.on()(heard.append)
    with audible_room(source):
        page.locator("#model").select_option("commands-12")
        page.get_by_label("Threshold of left", exact=True).wait_for()
        assert spotter.model.card.name == "commands-12"
        page.locator("#model").select_option("tones")
        page.get_by_label("Threshold of left", exact=True).wait_for(state="detached")
    source.feed(tone_words([("yes", 1.0)], 3.0))
    wait_for_words(page, 1)
    assert page.locator("#events .fired b").all_inner_texts() == ["yes"]


def test_a_threshold_that_was_set_stays_when_the_model_changes_and_others_are_the_models_own(
    page: "Page", source: FedSource, spotter: Spotter
) -> None:
    spotter.settings.set_threshold("yes", 0.77)
    with audible_room(source):
        page.locator("#model").select_option("commands-12")
        page.get_by_label("Threshold of left", exact=True).wait_for()
    thresholds = spotter.settings.snapshot().thresholds
    assert thresholds["yes"] == 0.77
    assert thresholds["no"] == spotter.model.card.thresholds["no"]
