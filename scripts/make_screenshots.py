"""Make the README's pictures: the panel and the terminal view, after ten minutes of the demo's words in random order.

Needs Chromium (Debian: apt-get install chromium fonts-inter).
"""

import argparse
import csv
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

import kws_live
from kws_live import SAMPLE_RATE_HZ
from kws_live.audio import Block, Samples
from kws_live.cli.live_view import LiveView
from kws_live.panel.observer import Observer
from kws_live.panel.place import Place
from kws_live.panel.server import Panel

DEMO = Path(kws_live.__file__).parent / "sources" / "demo.flac"
PICTURES = Path(__file__).resolve().parent.parent / ".images"
LIVE_SECONDS = 90.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]


class Rehearsal:
    """Delivers a recording as fast as possible, and its last seconds in real time."""

    name = "Built-in Microphone"
    rate_hz = SAMPLE_RATE_HZ
    live = False
    n_overflows = 0

    def __init__(self, sound: Samples, live_seconds: float = LIVE_SECONDS) -> None:
        self._sound, self._at = sound, 0
        self._n_fast = sound.size - round(live_seconds * SAMPLE_RATE_HZ)
        self._begun: float | None = None

    def read(self, timeout_seconds: float) -> Block | None:
        block = self._sound[self._at : self._at + 882, np.newaxis]
        self._at += block.shape[0]
        if self._at > self._n_fast:
            self._begun = self._begun or time.monotonic()
            time.sleep(max(0.0, self._begun + (self._at - self._n_fast) / SAMPLE_RATE_HZ - time.monotonic()))
        return block if block.shape[0] else None

    def close(self) -> None:
        pass


def ten_minutes() -> Samples:
    """Return the demo's words in random order and at different distances, in a room with some noise."""
    random = np.random.default_rng(5)
    demo, _ = soundfile.read(DEMO, dtype="float32")
    with DEMO.with_suffix(".csv").open(newline="") as file:
        cuts = [(float(row["begin_seconds"]) - 0.1, float(row["end_seconds"]) + 0.3) for row in csv.DictReader(file)]
    words = [demo[round(a * SAMPLE_RATE_HZ) : round(b * SAMPLE_RATE_HZ)] for a, b in cuts]
    sound = 0.0006 * random.standard_normal(round(605 * SAMPLE_RATE_HZ))
    at = 2.0
    while at < 601:
        word = words[random.integers(len(words))] * random.uniform(0.15, 1.1)
        start = round(at * SAMPLE_RATE_HZ)
        sound[start : start + word.size] += word
        at += 1.7 if at > 500 else random.choice([1.6, 2.5, 4.0, 12.0])
    return sound.astype(np.float32)


def shoot(page: Page, name: str, width: int, height: int, scheme: str, at: str = "body", whole: bool = False) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": height})
    page.locator(at).evaluate("(element) => element.scrollIntoView()")
    page.wait_for_timeout(700)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is not installed: apt-get install chromium", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        kws_live.listen(Rehearsal(ten_minutes())) as spotter,
        Panel(spotter, Place(port=0, folder=Path(folder))) as panel,
        sync_playwright() as playwright,
    ):
        while spotter.ring.position < round(520 * SAMPLE_RATE_HZ):
            time.sleep(0.2)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(panel.url)
        page.wait_for_timeout(8000)
        page.locator("#events .fired").first.click()
        for word, threshold in (("down", "0.92"), ("stop", "0.97"), ("go", "0.25")):
            page.get_by_label(f"Threshold of {word}").fill(threshold)
        page.evaluate("document.querySelector('#folder').textContent = '~/.local/share/kws-live/feedback'")
        shoot(page, "panel", 1200, 900, "light", whole=True)
        shoot(page, "panel-dark", 1200, 900, "dark", whole=True)
        shoot(page, "panel-phone", 390, 844, "light", at="#words")
        shoot(page, "panel-400-percent", 320, 256, "light", at="#rows")  # a window of 1280 x 1024, four times as large
        observer = Observer(spotter)
        time.sleep(6)
        observer.poll()
        while max(observer.state.now().scores) < 0.7 and not observer.ended:
            time.sleep(0.02)
            observer.poll()
        console = Console(record=True, width=92, file=io.StringIO())
        console.print(LiveView(observer).render())
        console.save_svg(str(PICTURES / "live.svg"), title="kws-live listen --live")
        observer.close()
        browser.close()
    print(f"pictures in {PICTURES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
