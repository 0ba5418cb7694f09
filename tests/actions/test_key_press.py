import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import select
from Xlib import X, display
from kws_live.actions.key_press import KeyPress
from kws_live.events import Event

screen = display.Display()
root = screen.screen().root
mask = X.KeyPressMask | X.KeyReleaseMask
window = root.create_window(0, 0, 100, 100, 0, screen.screen().root_depth, event_mask=mask, override_redirect=True)
window.map()
window.set_input_focus(X.RevertToParent, X.CurrentTime)
screen.sync()
KeyPress("ctrl+right").do(Event(position=0))
seen = []
while len(seen) < 4 and (screen.pending_events() or select.select([screen], [], [], 20)[0]):
    event = screen.next_event()
    if event.type in (X.KeyPress, X.KeyRelease):
        down = event.type == X.KeyPress
        seen.append(f"{'+' if down else '-'}{screen.keycode_to_keysym(event.detail, 0):#x}")
print(*seen)
"""

CONTROL, RIGHT = "0xffe3", "0xff53"  # keysymdef.h of X


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="no screen to press keys on: apt-get install xvfb")
def test_a_chord_reaches_the_window_that_has_the_focus() -> None:
    if importlib.util.find_spec("pynput") is None:
        pytest.skip('no pynput here: pip install "kws-live[keys]"')
    reader, writer = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-nolisten", "tcp"], pass_fds=(writer,), stderr=subprocess.DEVNULL
    )
    os.close(writer)
    with os.fdopen(reader) as number:
        display = f":{number.readline().strip()}"
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        screen.terminate()
        screen.wait()
    assert done.stdout.split() == [f"+{CONTROL}", f"+{RIGHT}", f"-{RIGHT}", f"-{CONTROL}"], done.stderr
