"""Fixtures for every test."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import soundfile
from add_verifier import add_verifier

import kws_live
from kws_live.audio import Samples
from kws_live.model import Model, load_model
from kws_live.sources import portaudio
from tests.fake_sounddevice import FakeSounddevice
from tests.virtual_microphone import VirtualMicrophone, what_is_missing

pytest_plugins = ["tests.quick"]

# No deadline: a shared machine stalls now and then, and no test here is about time.
hypothesis.settings.register_profile("everyday", max_examples=40, deadline=None, print_blob=True)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("everyday"), max_examples=10)

DEMO = Path(kws_live.__file__).parent / "sources" / "demo.flac"
PATIENCE_SECONDS = 5.0


# A shell that starts the tests in the background has them ignore these, and so would every program they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("quick" if config.getoption("--quick") else "everyday")


@pytest.fixture(scope="session", autouse=True)
def a_user_without_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test depends on the settings and words of the person who runs it, or changes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KWS_LIVE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("KWS_LIVE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real recordings here: set KWS_LIVE_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def commands_model() -> Model:
    """The shipped default model."""
    return load_model()


@pytest.fixture(scope="session")
def verified_model(commands_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The default model with the small one as its second network."""
    folder = tmp_path_factory.mktemp("verified") / "verified"
    shutil.copytree(commands_model.folder, folder)
    add_verifier(folder, load_model("commands-12-small").folder)
    return load_model(folder)


@pytest.fixture(scope="session")
def demo_audio() -> Samples:
    """The bundled recording of the ten words, synthesised: float32, 22,050 Hz."""
    samples, rate_hz = soundfile.read(DEMO, dtype="float32")
    assert rate_hz == 22_050
    return np.asarray(samples, dtype=np.float32)


@pytest.fixture(scope="session")
def demo_words() -> list[str]:
    """What is said in `demo_audio`, in order."""
    with DEMO.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return [row["word"] for row in csv.DictReader(file)]


@pytest.fixture
def fake_sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    """Two microphones, "Built-in" and "USB Desk Microphone", that hear what the test speaks."""
    fake = FakeSounddevice("Built-in", "USB Desk Microphone")
    monkeypatch.setattr(portaudio, "_module", fake)
    return fake


@pytest.fixture
def can_mount() -> None:
    """The tests that bind one folder over another are skipped where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here: that needs unshare and root")


@pytest.fixture(scope="module")
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """A microphone that hears what the test plays; each module of tests has its own sound server."""
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


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Whatever a test starts, it must end."""
    before = set(threading.enumerate())
    yield
    # PortAudio's thread is one for the whole process, and stays; a dummy stands for a thread that may have ended.
    stay = ("PortAudio calls", "Dummy-")
    left = [t for t in threading.enumerate() if t not in before and not t.name.startswith(stay)]
    for thread in left:
        thread.join(PATIENCE_SECONDS)  # a thread that has been told to end may need a moment
    assert [thread.name for thread in left if thread.is_alive()] == []
