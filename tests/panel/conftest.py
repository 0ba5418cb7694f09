"""A spotter that hears what the test feeds it, and a headless Chromium for the page."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kws_live.enrolment.vocabulary import USER_MODEL
from kws_live.model import Model
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.enrolment.short_bank import with_short_bank
from tests.panel.panel_fakes import Client, FedSource, tone_spotter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first takes half the time of a core."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
]


@pytest.fixture(autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where taught words go: not to the models of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("own") / "models"
    monkeypatch.setenv("KWS_LIVE_MODELS", str(folder))
    return folder


@pytest.fixture
def short_bank(commands_model: Model, own_models: Path) -> None:
    """The user's model has no words yet, and a part of the bank: on it a word is taught in a fifth of the time."""
    own_models.mkdir()
    with_short_bank(commands_model, own_models / USER_MODEL)


@pytest.fixture
def source() -> FedSource:
    return FedSource()


@pytest.fixture
def spotter(source: FedSource) -> Iterator[Spotter]:
    with tone_spotter(source) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium; the tests are skipped where it or Playwright is absent."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def clips(spotter: Spotter, tmp_path: Path) -> Path:
    """Where the words are kept as recordings."""
    spotter.send_to(f"clips:{tmp_path}/clips")
    return tmp_path / "clips"


@pytest.fixture
def panel(spotter: Spotter, tmp_path: Path) -> Iterator[Panel]:
    with Panel(spotter, Place(port=0, folder=tmp_path, token="same")) as running:
        yield running


@pytest.fixture
def page(browser: "Browser", panel: Panel) -> Iterator["Page"]:
    """The page, open; what it logs or asks from elsewhere fails the test."""
    troubles: list[str] = []
    origin = panel.url.partition("?")[0]
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.on("console", lambda message: troubles.append(message.text))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("request", lambda request: None if origin in request.url else troubles.append(request.url))
    opened.goto(panel.url)
    opened.get_by_label("Threshold of yes").wait_for()
    opened.wait_for_function("() => !document.querySelector('#status').textContent.startsWith('Conn')")
    yield opened
    opened.close()
    assert [text for text in troubles if not text.startswith("blob:")] == []


@pytest.fixture
def client(panel: Panel) -> Iterator[Client]:
    one = Client(panel)
    yield one
    one.close()
