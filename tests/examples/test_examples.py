"""Every example runs, with a fake microphone in place of a real one."""

import importlib.util
import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kws_live.model import load_model
from kws_live.sinks.binding_file import read_bindings
from kws_live.testing import FakeMicrophone, Item, silence
from tests.broker import Broker, Subscriber
from tests.spoken import wait_until

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "scripts" / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name: str) -> ModuleType:
    """An example as a module, without running it."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def play(microphone: FakeMicrophone, program: Callable[[], object], *items: Item) -> None:
    """Run a program that waits for words, say these to it, and wait for its end."""
    thread = threading.Thread(target=program)
    thread.start()
    microphone.say(*items)
    thread.join(20)
    assert not thread.is_alive()


def test_every_example_is_short_and_tested_here() -> None:
    assert EXAMPLES == ["dialog", "game", "robot", "slides"]
    for name in EXAMPLES:
        assert len((FOLDER / f"{name}.py").read_text().splitlines()) < 60


def test_slides(microphone: FakeMicrophone, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "talk.md").write_text("# One\n---\n# Two\n---\n# Three\n")
    play(
        microphone,
        lambda: load("slides").main(str(tmp_path / "talk.md")),
        "right",
        "yes",
        "down",
        "right",
        "up",
        "stop",
    )
    shown = [page.splitlines()[0] for page in capsys.readouterr().out.split("\033[2J\033[H")[1:]]
    assert shown == ["# One", "# Two", "# Three", "# Three", "# One"]


def test_the_slides_bindings_are_right() -> None:
    bindings = read_bindings(FOLDER / "slides.toml", load_model().card.keywords)
    assert [(binding.word, binding.after, binding.key) for binding in bindings.values()] == [
        ("right", None, "right"),
        ("left", None, "left"),
        ("up", None, "home"),
        ("stop", "go", "esc"),
    ]


def test_game(microphone: FakeMicrophone, capsys: pytest.CaptureFixture[str]) -> None:
    example = load("game")
    game = example.Game(seed=1)
    begin, star = game.walker, game.star
    columns, rows = star[0] - begin[0], star[1] - begin[1]
    way = [*["right" if columns > 0 else "left"] * abs(columns), *["down" if rows > 0 else "up"] * abs(rows)]
    play(microphone, lambda: example.main(game), *way, "stop")
    assert (game.n_stars, game.n_steps, game.walker) == (1, len(way), star)
    assert f"1 of 3 stars, {len(way)} steps" in capsys.readouterr().out


def test_robot(microphone: FakeMicrophone, tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.start()
    subscriber = Subscriber(broker.port, "robot/#")
    microphone.end_with(
        "left", "go", "left", silence(1), "stop", "go", silence(4), "right", "go", "stop", "right", "go", "up"
    )
    program = threading.Thread(target=load("robot").main, args=(f"mqtt://127.0.0.1:{broker.port}/robot",))
    program.start()
    received: list[tuple[str, str]] = []

    def until_offline() -> bool:
        received.append(subscriber.next()[:2])
        return received[-1] == ("robot/state", "offline")

    wait_until(until_offline)
    program.join(20)
    moves = [json.loads(payload)["move"] for topic, payload in received if topic == "robot/drive"]
    assert moves == ["left", "stop", "stop", "up"]
    subscriber.close()
    broker.kill()


def test_dialog(
    microphone: FakeMicrophone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load("dialog")
    said: list[str] = []

    def speak(text: str) -> None:
        """The test's loudspeaker: it says "no" itself, which must not be heard, and then the person answers."""
        said.append(text)
        microphone.say("no")
        if text.startswith("Shall I close"):
            microphone.add(silence(1), "yes")
        elif text.startswith("Shall I turn") and said.count(text) == 2:
            microphone.add(silence(1), "stop", "no")

    monkeypatch.setattr(example, "speak", speak)
    answers = example.main()
    assert list(answers.values()) == [True, False, None]
    assert [said.count(question) for question in example.QUESTIONS] == [1, 2, 2]
    assert "Shall I wake you at seven?       no answer" in capsys.readouterr().out
