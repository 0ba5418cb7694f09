"""The page in a real browser: what a person sees, and what their hands do."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import kws_live
from kws_live.audio import SAMPLE_RATE_HZ, float_to_pcm16
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.fakes import decision_settings, tone_words
from tests.panel.panel_fakes import FedSource, ToneModel

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SPOKEN = [("yes", 1.0), ("no", 2.5), ("stop", 4.0)]
SOUND = tone_words(SPOKEN, 6.0)


def wait_for_events(page: "Page", n_events: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#events .fired').length === n", arg=n_events)


def set_threshold(page: "Page", word: str, value: float) -> None:
    page.get_by_label(f"Threshold of {word}").fill(str(value))


def hindsight(page: "Page", start: str) -> str:
    page.wait_for_function("text => document.querySelector('#hindsight').textContent.includes(text)", arg=start)
    return page.locator("#hindsight").inner_text()


def test_words_appear_as_they_are_spoken(page: "Page", source: FedSource) -> None:
    source.feed(SOUND)
    wait_for_events(page, 3)
    shown = page.locator("#events .fired b").all_inner_texts()
    assert shown == ["stop", "no", "yes"]  # the newest first
    assert "1 fired" in page.locator("[data-word=yes] .count").inner_text()
    assert page.locator("#source").input_value() is not None
    assert page.locator("#source option:checked").inner_text() == "fed"


def test_a_slider_stops_a_word_from_firing_and_back(page: "Page", source: FedSource, spotter: Spotter) -> None:
    for value, n_fired in ((1.0, 0), (0.5, 1)):
        set_threshold(page, "yes", value)
        page.wait_for_function("() => 1")  # a round trip, so that the slider's picture frame has passed
        while spotter.settings.snapshot().thresholds["yes"] != value:
            page.wait_for_timeout(20)
        source.feed(tone_words([("yes", 1.0)], 3.0))
        source.feed(tone_words([("no", 1.0)], 3.0))
        wait_for_events(page, 1 + n_fired + (1 if n_fired else 0))
    assert page.locator("#events .fired b").all_inner_texts() == ["no", "yes", "no"]


def test_a_change_from_python_moves_the_slider(page: "Page", spotter: Spotter) -> None:
    spotter.settings.set_threshold("no", 0.87)
    page.wait_for_function("() => document.querySelector('[data-word=no] input[type=range]').value === '0.87'")
    assert page.locator("[data-word=no] output").inner_text() == "0.87"
    spotter.settings.change(mode="command", gate_mode=2, active=frozenset({"yes"}))
    page.wait_for_function("() => document.querySelector('#mode').value === 'command'")
    assert page.locator("#gate_mode").input_value() == "2"
    assert not page.get_by_label("stop", exact=True).is_checked()


@pytest.mark.parametrize("value", [0.2, 0.8, 1.0])
def test_hindsight_counts_equal_detecting_anew(page: "Page", source: FedSource, value: float) -> None:
    sound = np.concatenate((SOUND, 0.7 * SOUND))  # the second time the words score lower
    source.feed(sound)
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length >= 4")
    wanted = decision_settings(gate_mode=None, thresholds={"yes": value, "no": 0.6, "stop": 0.6})
    events = kws_live.detect(sound, model=ToneModel(), settings=LiveSettings(wanted))
    expected = sum(isinstance(event, Detection) for event in events)
    page.wait_for_function("() => !document.querySelector('.empty')")
    page.wait_for_timeout(300)  # the last hops
    set_threshold(page, "yes", value)
    said = hindsight(page, "would have had")
    assert re.search(r"had (\d+) event", said).group(1) == str(expected)  # type: ignore[union-attr]


def test_clicking_an_event_or_a_line_says_why(page: "Page", source: FedSource) -> None:
    source.feed(SOUND)
    wait_for_events(page, 3)
    page.locator("#events .fired", has_text="yes").click()
    sentence = page.locator("#sentence")
    page.wait_for_function("() => document.querySelector('#sentence').textContent.includes('“yes” fired')")
    assert page.locator("#facts .share").first.inner_text().startswith("yes")  # the network's best
    assert re.search(r"“yes”: 0\.\d+ by the first, 0\.\d+ by the second", page.locator("#facts").inner_text())
    assert re.search(r"s long, −\d+ dB, \d+ dB above the room", page.locator("#facts").inner_text())
    box = page.locator("[data-word=no] .lane").bounding_box()
    assert box is not None
    page.locator("[data-word=no] .lane").click(position={"x": box["width"] - 1, "y": 5})
    page.wait_for_function("() => document.querySelector('#sentence').textContent.includes('below its threshold')")
    before = sentence.inner_text(), page.locator("#facts").inner_text()
    page.get_by_role("button", name="Earlier").click()
    page.wait_for_function("text => document.querySelector('#facts').innerText !== text", arg=before[1])
    picture = "document.querySelector('#mfcc').getContext('2d').getImageData(30, 30, 99, 9)"
    assert page.evaluate(f"{picture}.data.some((value) => value)")


def test_the_second_is_heard(page: "Page", source: FedSource) -> None:
    source.feed(SOUND)
    wait_for_events(page, 3)
    page.evaluate("""() => {
        const play = HTMLMediaElement.prototype.play;
        HTMLMediaElement.prototype.play = function () {
            this.addEventListener("ended", () => (window.heardSeconds = this.duration));
            return play.call(this);
        };
    }""")
    page.locator("#events .fired").first.click()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => window.heardSeconds === 1")


def test_feedback_writes_the_right_second(page: "Page", source: FedSource, tmp_path: Path) -> None:
    source.feed(SOUND)
    wait_for_events(page, 3)
    page.locator("#events .fired", has_text="no").click()
    wrong = page.get_by_role("button", name="That was wrong")
    wrong.wait_for()
    assert wrong.is_disabled()  # nothing is saved before it is turned on
    page.get_by_label("Save the moments I mark").check()
    wrong.click()
    page.wait_for_function("() => document.querySelector('#marked').textContent.startsWith('Saved')")
    [told] = (tmp_path / "feedback").glob("*.json")
    evidence = json.loads(told.read_text())
    assert (evidence["kind"], evidence["word"]) == ("wrong", "no")
    end = evidence["position"]
    assert round(2.5 * SAMPLE_RATE_HZ) < end < round(3.6 * SAMPLE_RATE_HZ)
    assert told.with_suffix(".wav").read_bytes()[44:] == float_to_pcm16(SOUND[end - SAMPLE_RATE_HZ : end]).tobytes()
    page.get_by_role("button", name="Refit thresholds").click()
    page.get_by_role("button", name="Use these thresholds").click()
    page.wait_for_function(
        "least => Number(document.querySelector('[data-word=no] input[type=range]').value) > least",
        arg=evidence["score"],
    )


def test_the_words_can_be_tuned_by_keyboard_alone(page: "Page", spotter: Spotter) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link that skips to the words
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.type"))
    assert "Threshold of yes" in reached
    page.get_by_label("Threshold of yes").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('[data-word=yes] output').textContent === '0.61'")
    while spotter.settings.snapshot().thresholds["yes"] != 0.61:
        page.wait_for_timeout(20)


def test_everything_that_can_be_used_has_a_name(page: "Page", source: FedSource) -> None:
    source.feed(SOUND)
    wait_for_events(page, 3)
    page.locator("#events .fired").first.click()
    page.locator("#moment").wait_for()
    nameless = page.evaluate("""() =>
        [...document.querySelectorAll('button, input, select, canvas, [role=meter]')]
            .filter((one) => !(one.ariaLabel || one.labels?.[0]?.textContent.trim() || one.textContent.trim()))
            .map((one) => one.outerHTML)""")
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert (
        page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => one.tagName[1]).join('')")
        == "12223232"
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (768, 900), (360, 740), (320, 256)], ids=str)
def test_nothing_is_cut_off_on_a_phone_or_at_400_percent(
    page: "Page", source: FedSource, width: int, height: int
) -> None:
    """A window of 1280 x 1024 at 400 % is one of 320 x 256 (WCAG 2.2, 1.4.10 Reflow)."""
    source.feed(SOUND)
    wait_for_events(page, 3)
    page.locator("#events .fired").first.click()
    page.locator("#moment").wait_for()
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.evaluate("""() => [...document.querySelectorAll('main *, header *')].filter((one) => {
        const box = one.getBoundingClientRect();
        const clipped = one.closest('.hidden, .skip, fieldset') || one.matches('svg *');
        return box.width && !clipped && (box.right > innerWidth + 1 || box.left < -1);
    }).map((one) => one.outerHTML.slice(0, 90))""")
    assert beyond == []


def test_a_lost_connection_comes_back_by_itself(browser: "Browser", spotter: Spotter, tmp_path: Path) -> None:
    page = browser.new_page()  # not the fixture: Chromium logs every attempt to connect that is refused
    with Panel(spotter, Place(port=0, folder=tmp_path, token="same")) as panel:
        page.goto(panel.url)
        page.wait_for_function("() => !document.querySelector('#status').textContent.startsWith('Conn')")
    page.wait_for_function("() => document.querySelector('#status').textContent.startsWith('Connection lost')")
    with Panel(spotter, Place(port=panel.port, folder=tmp_path, token="same")):
        page.wait_for_function("() => !document.querySelector('#status').textContent.startsWith('Conn')")
        page.close()


def test_when_it_runs_again_with_another_token_the_page_says_what_to_open(
    browser: "Browser", spotter: Spotter, tmp_path: Path
) -> None:
    page = browser.new_page()
    with Panel(spotter, Place(port=0, folder=tmp_path)) as panel:
        page.goto(panel.url)
        page.wait_for_function("() => !document.querySelector('#status').textContent.startsWith('Conn')")
        assert panel.token is not None
        assert panel.token not in page.url
    with Panel(spotter, Place(port=panel.port, folder=tmp_path)):
        page.wait_for_function("() => document.querySelector('#advice').textContent.endsWith('it printed.')")
        page.close()


def test_a_link_on_a_page_of_another_site_leads_in(browser: "Browser", panel: Panel) -> None:
    page = browser.new_page()
    page.set_content(f'<a href="{panel.url}">the page</a>')
    for _ in range(2):  # the second time the cookie is there
        page.set_content(f'<a href="{panel.url}">the page</a>')
        page.click("a")
        page.wait_for_function("() => document.querySelector('#advice')?.textContent")
        assert page.url == panel.url.partition("?")[0]
        page.goto("about:blank")
    page.close()


def test_the_shipped_model_shows_the_words_of_the_demo(
    browser: "Browser", commands_model: Model, demo_words: list[str], tmp_path: Path
) -> None:
    spotter = kws_live.listen(kws_live.sources.open_source("demo:", paced=False), model=commands_model)
    with Panel(spotter, Place(port=0, folder=tmp_path)) as panel, spotter:
        page = browser.new_page()
        page.goto(panel.url)
        page.wait_for_function("() => document.querySelector('#status').textContent === 'The audio has ended'")
        expected = [
            event.keyword for event in kws_live.detect("demo:", model=commands_model) if isinstance(event, Detection)
        ]
        # What is heard last may be drawn after the state is.
        page.wait_for_function("n => document.querySelectorAll('#events .fired b').length >= n", arg=len(expected))
        shown = page.locator("#events .fired b").all_inner_texts()[::-1]
        assert shown == expected
        assert set(shown) <= set(demo_words)
        page.close()


def test_the_state_and_all_ten_words_fit_a_small_window(
    browser: "Browser", commands_model: Model, source: FedSource, tmp_path: Path
) -> None:
    with (
        kws_live.listen(source, model=commands_model) as spotter,
        Panel(spotter, Place(port=0, folder=tmp_path)) as panel,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(panel.url)
        page.get_by_label("Threshold of go").wait_for()
        ends = (
            "() => [...document.querySelectorAll('#headline, .row')].map((one) => one.getBoundingClientRect().bottom)"
        )
        assert max(page.evaluate(ends)) <= 800
        page.close()
