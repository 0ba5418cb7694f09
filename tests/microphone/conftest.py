"""A virtual microphone for every test of this folder."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_microphone import VirtualMicrophone, what_is_missing


@pytest.fixture(scope="module")
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    if reason := what_is_missing():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="mic", dir="/tmp") as folder:  # a short path: sockets want it
        microphone = VirtualMicrophone(Path(folder))
        try:
            microphone.start()
            code = "from kws_live.sources.portaudio import list_microphones; print(len(list_microphones()))"
            done = subprocess.run(
                [sys.executable, "-c", code], env=microphone.environment, capture_output=True, text=True, check=False
            )
            if done.stdout.strip() in ("", "0"):
                pytest.skip("PortAudio sees no PulseAudio: apt-get install libportaudio2 libasound2-plugins")
            yield microphone
        finally:
            microphone.stop()
