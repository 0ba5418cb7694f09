"""Controls of the page: what the user chose stands until the program has answered."""

from typing import TYPE_CHECKING

import pytest

from kws_live.spotter import Spotter

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Makes a choice; shows an old frame before the answer, one right after it, and one after the next picture. Returns
# whether the choice stood at each of them.
TRY = """async ([kind, refuse]) => {
  const { Control } = await import("./control.js");
  const element = document.createElement(kind === "select" ? "select" : "input");
  if (kind === "select") element.append(new Option("old"), new Option("new"));
  else element.type = kind;
  document.body.append(element);
  const [property, old, chosen] = { checkbox: ["checked", false, true], range: ["value", "20", "80"],
    number: ["value", "20", "80"], select: ["value", "old", "new"] }[kind];
  let answer;
  const control = new Control(element, () => new Promise((yes, no) => (answer = refuse ? no : yes)));
  control.show(old);
  element[property] = chosen;
  element.dispatchEvent(new Event("change"));
  control.show(old);
  const states = [element[property] === chosen];
  answer();
  for (let turn = 0; turn < 10; turn++) await null; // the answer has come, and no picture has been drawn since
  control.show(old);
  states.push(element[property] === chosen);
  await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
  control.show(old);
  element.remove();
  return [...states, element[property] === chosen];
}"""
KINDS = ["checkbox", "range", "number", "select"]

# What the page asks for stays in the page until it is let go.
HOLD = """() => {
  const { send } = WebSocket.prototype;
  const held = [];
  WebSocket.prototype.send = function (text) {
    if (text === "next" || !held) send.call(this, text);
    else held.push(() => send.call(this, text));
  };
  window.let_go = () => {
    WebSocket.prototype.send = send;
    held.forEach((one) => one());
  };
}"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_from_before_the_answer_does_not_set_a_control_back_and_one_after_it_does(
    page: "Page", kind: str
) -> None:
    assert page.evaluate(TRY, [kind, False]) == [True, True, False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.twin("test_a_frame_from_before_the_answer_does_not_set_a_control_back_and_one_after_it_does")
def test_a_choice_that_is_refused_is_set_back(page: "Page", kind: str) -> None:
    assert page.evaluate(TRY, [kind, True]) == [True, False, False]


def test_old_settings_set_neither_a_slider_nor_a_list_of_the_page_back(page: "Page", spotter: Spotter) -> None:
    page.evaluate(HOLD)
    page.get_by_label("Threshold of yes").fill("0.83")
    page.locator("#mode").select_option("command")
    spotter.settings.set_threshold("no", 0.47)  # the page is shown settings in which what it asks for is not yet done
    page.wait_for_function("() => document.querySelector('[data-word=no] input[type=range]').value === '0.47'")
    assert page.get_by_label("Threshold of yes").input_value() == "0.83"
    assert page.locator("#mode").input_value() == "command"
    page.evaluate("() => window.let_go()")
    page.wait_for_function("() => document.querySelector('[data-word=yes] output').textContent === '0.83'")


@pytest.mark.twin("test_old_settings_set_neither_a_slider_nor_a_list_of_the_page_back")
def test_new_settings_move_a_slider_and_a_list_of_the_page(page: "Page", spotter: Spotter) -> None:
    spotter.settings.set_threshold("yes", 0.47)
    spotter.settings.change(mode="command")
    page.wait_for_function("() => document.querySelector('[data-word=yes] input[type=range]').value === '0.47'")
    page.wait_for_function("() => document.querySelector('#mode').value === 'command'")
