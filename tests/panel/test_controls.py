"""The controls of the page explain themselves, show their defaults, and lead back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from kws_live.live.live_settings import LiveSettings
from kws_live.spotter import Spotter
from tests.fakes import decision_settings, tone_words
from tests.panel.panel_fakes import FedSource

if TYPE_CHECKING:
    from playwright.sync_api import Page

SOUND = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0)], 6.0)


def wait_for_thresholds(page: "Page", spotter: Spotter, **wanted: float) -> None:
    while {word: round(value, 2) for word, value in spotter.settings.thresholds.items()} != wanted:
        page.wait_for_timeout(20)


def test_every_control_has_a_label_and_a_help_text(page: "Page") -> None:
    unexplained = page.evaluate("""() => [...document.querySelectorAll('.controls input, .controls select')]
        .filter((one) => !one.closest('label').querySelector('small').textContent.trim()).map((one) => one.id)""")
    assert unexplained == []
    assert page.locator(".controls input, .controls select").count() == 9
    assert page.get_by_label("Speech gate").is_hidden()  # what a newcomer does not need is folded away
    page.get_by_text("Fine tuning", exact=True).click()
    assert page.get_by_label("Speech gate").is_visible()
    assert page.locator("[data-default=refractory_seconds]").inner_text() == "Default: 0.8."
    page.get_by_role("link", name="Which threshold?").click()
    page.get_by_role("heading", name="Which threshold do I want?").wait_for()


def test_one_slider_moves_every_threshold_and_each_leads_back_to_its_default(page: "Page", spotter: Spotter) -> None:
    spotter.settings.set_threshold("no", 0.7)
    page.wait_for_function("() => document.querySelector('[data-word=no] output').textContent === '0.70'")
    page.get_by_role("button", name="Reset no").click()
    wait_for_thresholds(page, spotter, yes=0.6, no=0.6, stop=0.6)
    page.get_by_role("button", name="Reset no").wait_for(state="hidden")
    page.get_by_label("Sensitivity of all words").fill("0.2")
    wait_for_thresholds(page, spotter, yes=0.4, no=0.4, stop=0.4)
    page.get_by_role("button", name="Reset all to defaults").click()
    wait_for_thresholds(page, spotter, yes=0.6, no=0.6, stop=0.6)
    page.wait_for_function("() => document.querySelector('#sensitivity').value === '0'")


def test_a_refused_number_does_not_stay_and_the_message_names_the_control(page: "Page", spotter: Spotter) -> None:
    page.get_by_text("Fine tuning", exact=True).click()
    field = page.get_by_label("Refractory time")
    field.fill("-3")
    field.press("Enter")
    page.get_by_text("Refractory time: -3").wait_for()
    page.wait_for_function("() => document.querySelector('#refractory_seconds').value === '0.8'")
    field.fill("2")
    field.press("Enter")
    while spotter.settings.snapshot().refractory_seconds != 2.0:
        page.wait_for_timeout(20)


def test_a_profile_is_saved_with_a_word_applied_by_page_and_command_and_deleted(page: "Page", spotter: Spotter) -> None:
    page.get_by_text("Profiles", exact=True).click()
    spotter.settings.set_threshold("yes", 0.83)
    page.get_by_label("Save these settings as").fill("Kitchen")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Kitchen saved.").wait_for()
    command = page.locator("#profiles code").inner_text()
    assert command.startswith("kws-live listen --settings ")
    loaded = LiveSettings(decision_settings())
    loaded.load(Path(command.split("--settings ")[1]))
    assert loaded.snapshot().thresholds["yes"] == 0.83
    spotter.settings.reset()
    page.get_by_role("button", name="Apply Kitchen").click()
    wait_for_thresholds(page, spotter, yes=0.83, no=0.6, stop=0.6)
    page.get_by_role("button", name="Delete Kitchen").click()
    page.get_by_text("Kitchen deleted.").wait_for()
    page.get_by_role("button", name="Apply Kitchen").wait_for(state="detached")


def test_what_was_marked_is_listed_and_undone(page: "Page", source: FedSource, tmp_path: Path) -> None:
    source.feed(SOUND)
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length === 3")
    page.locator("#events .fired", has_text="no").click()
    page.get_by_label("Save the moments I mark").check()
    page.get_by_role("button", name="That was wrong").click()
    page.get_by_text("1 marked").click()
    [told] = (tmp_path / "feedback").glob("*.json")
    assert json.loads(told.read_text())["word"] == "no"
    page.get_by_role("button", name="Undo wrong no").click()
    page.get_by_text("Undone").wait_for()
    assert page.locator("#mark-box").is_hidden()
    assert list((tmp_path / "feedback").iterdir()) == []


def test_what_would_have_been_is_said_again_after_a_reload(page: "Page", source: FedSource) -> None:
    source.feed(SOUND)
    page.wait_for_function("() => document.querySelectorAll('#events .fired').length === 3")
    page.get_by_label("Threshold of yes").fill("1")
    said = "() => document.querySelector('#hindsight').textContent.includes('1 lost')"
    page.wait_for_function(said)
    page.reload()
    page.wait_for_function(said)
