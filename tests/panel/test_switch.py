"""Checkboxes of the page: what the user chose stands until the program has answered."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Clicks a switch, shows an old frame before the answer and one after it; returns the box's state at each of them.
TRY = """async (refuse) => {
  const { Switch } = await import("./switch.js");
  const box = Object.assign(document.createElement("input"), { type: "checkbox" });
  document.body.append(box);
  let answer;
  const toggle = new Switch(box, () => new Promise((yes, no) => (answer = refuse ? no : yes)));
  toggle.show(false);
  box.click();
  toggle.show(false);
  const states = [box.checked];
  answer();
  await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
  states.push(box.checked);
  toggle.show(false);
  box.remove();
  return [...states, box.checked];
}"""


def test_a_frame_from_before_the_answer_does_not_set_a_switch_back_and_one_after_it_does(page: "Page") -> None:
    assert page.evaluate(TRY, False) == [True, True, False]


@pytest.mark.twin("test_a_frame_from_before_the_answer_does_not_set_a_switch_back_and_one_after_it_does")
def test_a_choice_that_is_refused_is_set_back(page: "Page") -> None:
    assert page.evaluate(TRY, True) == [True, False, False]
