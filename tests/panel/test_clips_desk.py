"""Kept recordings on the page: heard one after another, and sorted with two keys."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kws_live.errors import ConfigError
from kws_live.panel.clips_desk import ClipsDesk
from kws_live.spotter import Spotter
from tests.fakes import tone_words
from tests.panel.panel_fakes import FedSource
from tests.spoken import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

SOUND = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0)], 6.0)


def say(source: FedSource, clips: Path) -> None:
    source.feed(SOUND)
    wait_until(lambda: len(list(clips.glob("*/*.json"))) == 3)


def test_two_keys_sort_what_is_kept_one_after_another(clips: Path, page: "Page", source: FedSource) -> None:
    say(source, clips)
    page.get_by_text("Kept recordings").click()
    page.get_by_text("Kept recordings: 3 to sort").wait_for()
    page.get_by_role("button", name="Play", exact=True).last.focus()
    for key, said in (("k", "Moved to stop/"), ("w", "Moved to _unknown_/"), ("k", "Moved to yes/")):
        page.keyboard.press(key)
        page.locator("#clip-went", has_text=said).wait_for()
    page.get_by_text("All recordings are sorted.").wait_for()
    assert page.get_by_role("button", name="Keep").is_disabled()
    assert sorted(path.parent.name for path in clips.glob("*/*.flac")) == ["_unknown_", "stop", "yes"]


def test_the_buttons_do_what_the_keys_do_and_the_recording_is_heard(
    clips: Path, page: "Page", source: FedSource
) -> None:
    say(source, clips)
    page.get_by_text("Kept recordings").click()
    page.locator("#clip-told", has_text="“stop” fired with").wait_for()
    page.evaluate(
        "() => { const play = Audio.prototype.play;"
        " Audio.prototype.play = function () { window.heard = this; return play.call(this); } }"
    )
    page.locator("#clip-play").click()
    page.wait_for_function("() => window.heard?.duration > 0.9")
    page.get_by_role("button", name="Wrong").click()
    page.locator("#clip-went", has_text="Moved to _unknown_/").wait_for()
    page.locator("#clip-told", has_text="“no” fired with").wait_for()


@pytest.mark.twin("test_two_keys_sort_what_is_kept_one_after_another")
def test_where_nothing_is_kept_the_page_does_not_speak_of_it(page: "Page", spotter: Spotter) -> None:
    assert page.locator("#clips").is_hidden()
    assert ClipsDesk(spotter).clips() == {"folder": None, "n": 0, "newest": None}


@pytest.mark.parametrize("name", ["yes/gone.flac", "../../etc/passwd", ""])
def test_only_what_waits_can_be_sorted(clips: Path, spotter: Spotter, name: str) -> None:
    with pytest.raises(ConfigError, match="is no longer there to sort"):
        ClipsDesk(spotter).sort(name, right=True)
