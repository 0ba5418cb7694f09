"""What of the page is drawn anew: only what has changed."""

from typing import TYPE_CHECKING

import pytest

from kws_live.audio import Samples
from tests.panel.panel_fakes import SOUND, FedSource, audible_room

if TYPE_CHECKING:
    from playwright.sync_api import Page

N_FRAMES = 40
"""More than one status comes with them."""

# Counts frames, and collects the ids of what is changed from now on, or of what encloses it.
WATCH = """() => {
  [window.frames_shown, window.changed] = [0, new Set()];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    if (text === "next") window.frames_shown++;
    send.call(this, text);
  };
  new MutationObserver((records) => records.forEach(({ target }) => {
    const named = (target.closest ? target : target.parentElement)?.closest("[id]");
    if (named) window.changed.add(named.id);
  })).observe(document.body, { attributes: true, characterData: true, childList: true, subtree: true });
}"""
ALWAYS_MOVING = {"meter", "vitals", "figures", "findings"}  # of the input and the machine, which may be busy


def changed_in_a_room(page: "Page", source: FedSource, *sounds: Samples) -> set[str]:
    page.evaluate(WATCH)
    for sound in sounds:
        source.feed(sound)
    with audible_room(source):
        page.wait_for_function(f"() => window.frames_shown >= {N_FRAMES}")
    return set(page.evaluate("() => [...window.changed]")) - ALWAYS_MOVING


@pytest.mark.twin("test_a_word_that_is_said_is_drawn")
def test_while_no_word_is_said_nothing_of_the_page_is_drawn_anew(page: "Page", source: FedSource) -> None:
    with audible_room(source):
        page.locator("#headline[data-tone=good]").wait_for()
        page.locator("#figures dd").first.wait_for()
    assert changed_in_a_room(page, source) == set()


def test_a_word_that_is_said_is_drawn(page: "Page", source: FedSource) -> None:
    assert changed_in_a_room(page, source, SOUND) >= {"rows", "events"}
