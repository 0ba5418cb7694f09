"""A word is taught from a page: what is said when, what is written, and that a lesson disturbs nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soxr

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Samples
from kws_live.model import load_model
from kws_live.model.taught_words import WORDS_NAME
from kws_live.panel.lesson import LessonState, RingSource
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from kws_live.stream.ring_buffer import RingBuffer
from tests.enrolment.spoken_takes import takes_of
from tests.fakes import tone_words
from tests.panel.panel_fakes import Client, FedSource, audible_room
from tests.spoken import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow  # teaching a word takes a second

RNG = np.random.default_rng(0)
ROOM_SECONDS = 0.25
"""Fed while nobody speaks, again and again."""


@pytest.fixture
def panel(spotter: Spotter, tmp_path: Path) -> Iterator[Panel]:
    with Panel(spotter, Place(port=0, folder=tmp_path)) as running:
        yield running


@pytest.fixture
def client(panel: Panel) -> Iterator[Client]:
    one = Client(panel)
    yield one
    one.close()


def room(seconds: float) -> Samples:
    return (1e-4 * RNG.standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


def said(*words: str, backwards: bool = False) -> list[Samples]:
    """Takes of "left off", or of other words, each in a second and a half at 22,050 Hz."""
    recorded = takes_of(*(words or ("left", "off")), backwards=backwards)
    takes = [soxr.resample(take, SPEECH_RATE_HZ, SAMPLE_RATE_HZ) for take in recorded]
    return [np.pad(take, (0, max(0, round(1.5 * SAMPLE_RATE_HZ) - take.size))).astype(np.float32) for take in takes]


class Pupil:
    """Answers a lesson as a person would: speaks when asked to, and else is quiet.

    Parameters
    ----------
    source : fed
    answers : take by take what is said; then silence
    """

    def __init__(self, source: FedSource, answers: list[Samples]) -> None:
        self._source, self._answers = source, list(answers)
        self._asked = -1

    def hear(self, state: dict[str, Any]) -> None:
        """Do what the state asks for, once."""
        if state["phase"] == "speak" and state["begin"] != self._asked:
            self._asked = state["begin"]
            self._source.feed(self._answers.pop(0) if self._answers else room(1.5))
        self._source.feed(room(ROOM_SECONDS))


def follow(client: Client, pupil: Pupil, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Every state of the lesson that a page is shown, to the wanted one."""
    states: list[dict[str, Any]] = []
    while not states or not until(states[-1]):
        shown = client.frame().get("lesson")
        if shown:
            states.append(shown)
        pupil.hear(states[-1] if states else {"phase": "wait"})
    return states


def ended(state: dict[str, Any]) -> bool:
    return state["phase"] in ("done", "failed")


def test_a_word_is_taught_listed_renamed_and_forgotten(source: FedSource, client: Client, own_models: Path) -> None:
    assert client.ask("words")["words"] == []
    takes = said()
    pupil = Pupil(source, [takes[0], room(1.5), *takes[1:]])
    assert client.ask("teach", word="left  off")["type"] == "teach"
    states = follow(client, pupil, ended)
    last = states[-1]
    assert (last["phase"], last["model"]) == ("done", "my-words")
    assert last["prompt"] == "“left off” is in your model my-words."
    assert [(take["number"], take["fault"]) for take in last["takes"]] == [(n, None) for n in range(1, 6)]
    assert all(-60 < take["level_db"] < 0 and 0.3 < take["seconds"] < 1.5 for take in last["takes"])
    assert last["report"][0].startswith('"left off": ')
    prompts = [state["prompt"] for state in states]
    assert 'Take 2 of 5: say "left off" now' in prompts
    refused = [take for state in states for take in state["takes"] if take["fault"]]
    assert {take["number"] for take in refused} == {2}
    assert refused[0]["fault"].startswith("no word was found; is the microphone muted?")
    assert load_model("my-words").card.keywords[-1] == "left off"
    [word] = client.ask("words")["words"]
    assert (word["model"], word["word"]) == ("my-words", "left off")
    assert word["told"].startswith("5 takes, ")
    [word] = client.ask("rename", model="my-words", word="left off", new="lamp")["words"]
    assert word["word"] == "lamp"
    assert client.ask("forget", model="my-words", word="lamp")["words"] == []
    assert "lamp" not in load_model("my-words").card.keywords
    assert [path.name for path in own_models.iterdir()] == ["my-words"]


def test_a_lesson_that_is_stopped_leaves_nothing(source: FedSource, client: Client, own_models: Path) -> None:
    client.ask("teach", word="lamp")
    pupil = Pupil(source, said())
    follow(client, pupil, lambda state: len(state["takes"]) == 1)
    assert "a lesson for “lamp” is running; stop it first" in client.ask("teach", word="other")["message"]
    assert "stop it first" in client.ask("forget", model="my-words", word="lamp")["message"]
    client.ask("stop_teaching")
    assert follow(client, pupil, lambda state: state["phase"] == "idle")[-1]["takes"] == []
    assert not own_models.exists()


def test_words_said_during_a_lesson_reach_nobody(source: FedSource, client: Client, spotter: Spotter) -> None:
    heard: list[str] = []
    spotter.on()(lambda event: heard.append(event.keyword))
    before = spotter.settings.snapshot()
    client.ask("teach", word="lamp")
    tone = tone_words([("yes", 0.5)], 1.5)
    pupil = Pupil(source, [tone, tone])
    states = follow(client, pupil, lambda state: len(state["takes"]) == 1)
    assert spotter.settings.snapshot() is before
    client.ask("stop_teaching")
    follow(client, pupil, lambda state: state["phase"] == "idle")
    wanted = spotter.ring.position + round(4.0 * SAMPLE_RATE_HZ)  # before it moves on
    source.feed(room(2.0))
    source.feed(tone_words([("no", 0.5)], 2.5))
    client.frames_until(wanted)
    source.end()
    spotter.wait(20.0)
    assert states[-1]["takes"][0]["number"] == 1
    assert heard == ["no"]


def test_a_word_the_model_knows_is_refused_before_anybody_speaks(client: Client, own_models: Path) -> None:
    assert "already has the word 'stop'" in client.ask("teach", word="stop")["message"]
    assert "lesson" not in client.frame() or client.frame().get("lesson", {}).get("phase", "idle") == "idle"
    assert not own_models.exists()


@pytest.mark.usefixtures("short_bank")
def test_a_word_the_model_knows_is_fitted_to_a_voice(source: FedSource, client: Client, own_models: Path) -> None:
    pupil = Pupil(source, said("stop", backwards=True))
    assert client.ask("teach", word="stop", adapt=True)["type"] == "teach"
    last = follow(client, pupil, ended)[-1]
    assert last["report"][0].startswith('"stop": ')
    assert "of 5 takes were recognised before, " in last["report"][0]
    [word] = client.ask("words")["words"]
    assert word["told"].startswith("a known word, adapted to your voice: 5 takes, ")
    assert "has no word 'lamp' to adapt" in client.ask("teach", word="lamp", adapt=True)["message"]


@pytest.mark.usefixtures("short_bank")
def test_a_false_alarm_that_is_marked_is_unlearned_once_its_cost_was_shown(
    source: FedSource, client: Client, panel: Panel, spotter: Spotter, own_models: Path
) -> None:
    client.ask("teach", word="left off")
    follow(client, Pupil(source, said()), ended)
    with audible_room(source):
        client.ask("use_model", name="my-words")
    spotter.settings.change(mode="spotting", active=frozenset({"left off"}))
    alarm = said("left", "on")[1]
    words = own_models / "my-words" / WORDS_NAME
    before = words.read_bytes()
    with closing(Client(panel)) as page:  # the model has changed since the first one came
        wanted = spotter.ring.position + alarm.size + round(2.5 * SAMPLE_RATE_HZ)
        source.feed(room(2.0))
        source.feed(alarm)
        source.feed(room(1.5))
        events = [event for frame in page.frames_until(wanted) for event in frame["events"]]
        position = next(event["moment"] for event in events if event["type"] == "detection")
        page.ask("saving", on=True)
        assert page.ask("mark", kind="wrong", position=position, word="left off")["taught"]
        assert not page.ask("mark", kind="wrong", position=position, word="yes")["taught"]
        assert "'yes' was not taught" in page.ask("not_this", position=position, word="yes")["message"]
        told = page.ask("not_this", position=position, word="left off")["told"]
        assert told.startswith("Takes recognised when left out of the learning: 5 of 5 before, ")
        assert words.read_bytes() == before
        with audible_room(source):
            page.ask("not_this", position=position, word="left off", keep=True)
        assert words.read_bytes() != before


def test_when_the_sound_has_ended_nothing_can_be_taught(source: FedSource, client: Client) -> None:
    source.end()
    while not client.frame().get("status", {}).get("ended"):
        pass
    assert "the audio has ended" in client.ask("teach", word="lamp")["message"]


def test_the_ring_is_read_from_now_on_and_ends_when_it_is_closed() -> None:
    ring = RingBuffer(SAMPLE_RATE_HZ)
    ring.write(np.full(5_000, 0.5, np.float32))
    source = RingSource(ring, "microphone")
    ring.write(np.arange(3_000, dtype=np.float32))
    first = source.read(0.0)
    assert first is not None
    assert first[:3, 0].tolist() == [0.0, 1.0, 2.0]
    assert first.shape == (2_205, 1)
    ring.write(np.zeros(9_000, np.float32))
    source.go_on_after(0.1)
    empty = source.read(0.0)
    assert empty is not None
    assert empty.size == 0  # that is still to come
    ring.close()
    assert source.read(0.0) is None
    assert LessonState().phase == "idle"


def test_a_lesson_on_the_page(
    browser: "Browser", panel: Panel, source: FedSource, client: Client, own_models: Path
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(panel.url)
    page.get_by_label("Threshold of yes").wait_for()
    page.get_by_label("Your word").fill("left off")
    height = "document.querySelector('#teach').offsetHeight"
    before = page.evaluate(height)
    page.get_by_role("button", name="Teach").click()
    takes = said()
    pupil = Pupil(source, [takes[0], room(1.5), *takes[1:]])
    follow(client, pupil, lambda state: any(take["fault"] for take in state["takes"]))
    page.locator("#lesson-takes .fault").wait_for()
    assert page.evaluate(height) == before  # there was room for what is wrong
    assert page.get_by_role("button", name="Teach").is_disabled()
    follow(client, pupil, ended)
    page.locator("#lesson-prompt.done").wait_for()
    assert page.locator("#lesson-takes .good").count() == 5
    page.get_by_text("Try it: say “left off”. It is active now.").wait_for()
    with audible_room(source):
        page.get_by_label("Threshold of left off").wait_for()  # among the words, without starting anything again
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_role("button", name="Rename left off").click()
    page.get_by_label("New name of left off", exact=True).fill("lamp")
    page.keyboard.press("Enter")
    with audible_room(source):
        page.get_by_label("Threshold of lamp").wait_for()
    page.get_by_role("button", name="Forget lamp").click()
    page.get_by_role("button", name="Forget lamp").click()  # it asks whether one is sure
    page.get_by_text("None yet.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    with audible_room(source):
        page.get_by_label("Threshold of lamp").wait_for(state="detached")
    assert "lamp" not in load_model("my-words").card.keywords
    page.close()


@pytest.mark.usefixtures("short_bank")
def test_a_word_is_tried_where_it_was_taught_and_taken_back(
    browser: "Browser", panel: Panel, source: FedSource, client: Client, spotter: Spotter
) -> None:
    page = browser.new_page()
    page.goto(panel.url)
    spotter.settings.change(mode="command", smoothing_hops=3)
    page.get_by_label("Your word").fill("left off")
    page.get_by_role("button", name="Teach").click()
    takes = said()
    follow(client, Pupil(source, takes), ended)
    with audible_room(source):
        page.get_by_label("Threshold of left off").wait_for()
    page.get_by_text("Try it: say").wait_for()
    spotter.settings.change(active=frozenset({"left off"}))  # "left" would come first
    source.feed(room(1.0))
    wanted = spotter.ring.position + takes[0].size + round(1.5 * SAMPLE_RATE_HZ)
    source.feed(takes[0])
    source.feed(room(2.0))  # meanwhile the score falls, and rises again a little
    with closing(Client(panel)) as other:  # the model has changed since the first one came
        other.frames_until(wanted)
    page.get_by_text("“left off” fired").wait_for()
    page.get_by_role("button", name="Discard").click()
    with audible_room(source):
        page.get_by_label("Threshold of left off").wait_for(state="detached")
        wait_until(lambda: spotter.model.card.name == "tones")  # what listened before; it takes over at a hop
    page.get_by_text("was discarded").wait_for()
    page.get_by_text("None yet.").wait_for()
    page.close()
