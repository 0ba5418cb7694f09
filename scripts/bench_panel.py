"""Measure the panel: CPU, delay and lost audio with no page, one and three open; the delay of a slider; and the frame
rate of a page full of events and lines in Chromium.

Needs Chromium. Run it on an otherwise idle machine on mains power.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from make_screenshots import FLAGS, Rehearsal, ten_minutes
from playwright.sync_api import sync_playwright
from websockets.sync.client import connect
from websockets.typing import Origin

import kws_live
from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotting.pipeline import Step

DEMO = Path(kws_live.__file__).parent / "sources" / "demo.flac"
BROWSE = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox", "--disable-gpu"])
    for _ in range(int(sys.argv[3])):
        browser.new_page().goto(sys.argv[2])
    print("open", flush=True)
    sys.stdin.read()
"""

FRAMES = """(seconds) => new Promise((resolve) => {
  let [n, first, last, longest] = [0, 0, 0, 0];
  requestAnimationFrame(function next(now) {
    first ||= now;
    if (last) longest = Math.max(longest, now - last);
    [n, last] = [n + 1, now];
    if (now - first < 1000 * seconds) requestAnimationFrame(next);
    else resolve([(1000 * (n - 1)) / (now - first), longest]);
  });
})"""


def smoothness(seconds: float) -> tuple[float, float, float]:
    """Return, for a page with ten minutes of lines, Chromium's share of a core, frame rate, and longest frame in ms."""
    with (
        tempfile.TemporaryDirectory() as folder,
        kws_live.listen(Rehearsal(ten_minutes(), 2 * seconds + 25)) as spotter,
        Panel(spotter, Place(port=0, folder=folder, ask_token=False)) as panel,
        sync_playwright() as playwright,
    ):
        while spotter.ring.position < round((600 - 2 * seconds - 25) * SAMPLE_RATE_HZ):
            time.sleep(0.2)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(panel.url)
        page.locator("#events button").nth(30).wait_for()
        page.wait_for_timeout(5000)  # it has been loaded and compiled
        processes = browser.new_browser_cdp_session()

        def cpu_seconds() -> float:
            told = processes.send("SystemInfo.getProcessInfo")["processInfo"]
            return sum(float(one["cpuTime"]) for one in told)

        begin = cpu_seconds()
        page.wait_for_timeout(1000 * seconds)
        share = (cpu_seconds() - begin) / seconds
        frames, longest_ms = page.evaluate(FRAMES, seconds)
        browser.close()
        return share, frames, longest_ms


def costs(sound: Path, n_pages: int | None, seconds: float) -> tuple[float, str, str]:
    """Return CPU ms per second of audio, skipped audio, and delay; None: without a panel."""
    with tempfile.TemporaryDirectory() as folder, kws_live.listen(str(sound)) as spotter:
        spotter.on()(lambda _detection: None)  # the delay is measured to a callback
        panel = None if n_pages is None else Panel(spotter, Place(port=0, folder=folder, ask_token=False))
        pages = None
        if panel is not None:
            panel.start()
            if n_pages:
                command = [sys.executable, "-c", BROWSE, shutil.which("chromium") or "", panel.url, str(n_pages)]
                pages = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                assert pages.stdout is not None
                assert pages.stdout.readline() == b"open\n"
        time.sleep(3)
        begin, cpu = time.monotonic(), time.process_time()
        time.sleep(seconds)
        cpu = 1000 * (time.process_time() - cpu) / (time.monotonic() - begin)
        if pages is not None:
            pages.communicate()
        if panel is not None:
            panel.close()
        rows = dict(spotter.statistics().rows())
        return cpu, rows["skipped"], rows["delay"]


def slider_seconds(sound: Path, n_times: int) -> list[float]:
    """Measure the time from sending a threshold to the first verdict that used it."""
    decided: dict[float, float] = {}

    def note(step: Step) -> None:
        if step.verdict is not None:
            decided.setdefault(step.verdict.settings.thresholds["yes"], time.monotonic())

    sent: dict[float, float] = {}
    with tempfile.TemporaryDirectory() as folder, kws_live.listen(str(sound)) as spotter:
        spotter.watch(note)
        with (
            Panel(spotter, Place(port=0, folder=folder, ask_token=False)) as panel,
            connect(f"ws://127.0.0.1:{panel.port}/live", origin=Origin(f"http://127.0.0.1:{panel.port}")) as page,
        ):
            for number in range(n_times):
                value = 0.3 + number / 1000
                sent[value] = time.monotonic()
                page.send(json.dumps({"type": "threshold", "word": "yes", "value": value}))
                time.sleep(0.137)  # anywhere within a hop
            time.sleep(0.5)
    return [decided[value] - sent[value] for value in sent if value in decided]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="duration of each measurement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "demo_again_and_again.wav"
        demo, rate_hz = soundfile.read(DEMO)
        n_times = int(np.ceil((arguments.seconds + 15) * rate_hz / demo.size))
        soundfile.write(sound, np.tile(demo, n_times), rate_hz)
        print(f"{'pages open':<12} {'CPU ms per second':>20}   skipped      delay")
        for n_pages in (None, 0, 1, 3):
            cpu, skipped, delay = costs(sound, n_pages, arguments.seconds)
            print(f"{'no panel' if n_pages is None else n_pages:<12} {cpu:>20.1f}   {skipped:<12} {delay}")
        times = sorted(slider_seconds(sound, 100))
    share, frames, longest_ms = smoothness(arguments.seconds)
    print(f"ten minutes of lines: {100 * share:.1f} % of a core in Chromium, without a graphics card;")
    print(f"  {frames:.1f} frames per second, the longest {longest_ms:.0f} ms")
    last = times[min(len(times) - 1, int(0.95 * len(times)))]
    print(f"slider to decision: median {statistics.median(times):.3f} s, 95 % {last:.3f} s; a hop is {HOP_SECONDS} s")


if __name__ == "__main__":
    main()
