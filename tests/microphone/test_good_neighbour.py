"""The program's own sound goes on while microphones come and go; a forked child listens or is told why not."""

import subprocess
import sys

from tests.virtual_microphone import VirtualMicrophone

OWN_SOUND = """
import subprocess, threading, time
import numpy as np, sounddevice
from kws_live.errors import KwsLiveError
from kws_live.sources import open_source
from kws_live.sources.portaudio import list_microphones

ended, played = threading.Event(), threading.Semaphore(0)
def play(out, n_samples, times, status):
    out[:] = 0
    played.release()
own = sounddevice.OutputStream(samplerate=48000, channels=1, callback=play, finished_callback=ended.set)

def hear(source):
    until = time.monotonic() + 20
    while not source.read(0.25).size:
        assert time.monotonic() < until, "no audio"

first = open_source("mic:")
hear(first)
own.start()
assert list_microphones()
first.close()
assert list_microphones()
second, third = open_source("mic:default"), open_source("mic:pulse")
hear(second), hear(third)
second.close(), third.close()
try:
    open_source("mic:no such one")
except KwsLiveError:
    pass
hear(open_source("mic:default"))
while played.acquire(blocking=False):
    pass
assert played.acquire(timeout=20), "its callback is called no more"
print("ended" if ended.is_set() else "plays on", flush=True)
import os; os._exit(0)
"""

FORK = """
import multiprocessing, time
from kws_live.errors import KwsLiveError
from kws_live.sources import open_source
from kws_live.sources.portaudio import list_microphones

def child():
    try:
        source, until = open_source("mic:"), time.monotonic() + 20
    except KwsLiveError as error:
        print(error, flush=True)
        return
    while not source.read(0.25).size:
        assert time.monotonic() < until
    source.close()
    print("heard", flush=True)

if {used}:
    assert list_microphones()
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join(40)
"""


def run(code: str, microphone: VirtualMicrophone) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=microphone.environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_sound_that_the_program_plays_itself_goes_on_while_microphones_come_and_go(
    virtual_microphone: VirtualMicrophone,
) -> None:
    assert run(OWN_SOUND, virtual_microphone) == "plays on"


def test_a_forked_child_listens_if_its_parent_has_not_used_the_sound_system(
    virtual_microphone: VirtualMicrophone,
) -> None:
    assert run(FORK.format(used=False), virtual_microphone) == "heard"


def test_a_forked_child_of_a_parent_that_has_is_told_at_once_what_would_do(
    virtual_microphone: VirtualMicrophone,
) -> None:
    assert 'get_context("spawn")' in run(FORK.format(used=True), virtual_microphone)
