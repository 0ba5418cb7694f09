"""A microphone on duty: pulled out, frozen, killed, again and again; nothing leaks, every loss is told."""

import functools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.microphone.test_listening import Listening
from tests.virtual_microphone import VirtualMicrophone

CYCLES = int(os.environ.get("KWS_LIVE_CYCLES", "3"))
"""How often the microphone is pulled out and put back; 50 take four minutes."""

MOST_GROWTH_MB = 2.0
PORTAUDIO_MB = 0.014
"""What PortAudio and ALSA themselves lose each time they are started anew, measured with nothing else running."""


@pytest.fixture
def listening(virtual_microphone: VirtualMicrophone) -> Iterator[Listening]:
    program = Listening(virtual_microphone, "--gate=off", "--source=mic:default,mic:pulse")
    program.wait_for(lambda events: any(event["type"] == "speech_started" for event in events))
    yield program
    program.stop()


def count(program: Listening, kind: str) -> int:
    return program.types().count(kind)


def resources(program: Listening) -> tuple[int, int, float]:
    """Threads, open files and resident MB of the program."""
    folder = Path(f"/proc/{program.process.pid}")
    pages = int((folder / "statm").read_text().split()[1])
    return (
        len(list((folder / "task").iterdir())),
        len(list((folder / "fd").iterdir())),
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    )


@pytest.mark.timeout(120 + 20 * CYCLES)
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads and files through /proc")
def test_pulled_out_and_put_back_again_and_again_nothing_leaks(
    virtual_microphone: VirtualMicrophone, listening: Listening
) -> None:
    counts = functools.partial(count, listening)
    seen: list[tuple[int, int, float]] = []
    for _ in range(CYCLES):
        virtual_microphone.unplug()
        listening.wait_for(lambda _: counts("source_lost") == len(seen) + 1)
        virtual_microphone.replug()
        listening.wait_for(lambda _: counts("source_reopened") == len(seen) + 1)
        # Every loss is one gap, and the detector has crossed it.
        listening.wait_for(lambda _: counts("audio_skipped") >= len(seen) + 1)
        seen.append(resources(listening))
    threads, files, megabytes = zip(*seen, strict=True)
    assert len(set(threads)) == 1, threads
    assert len(set(files)) == 1, files
    warm = min(5, CYCLES - 1)
    assert megabytes[-1] - megabytes[warm] <= MOST_GROWTH_MB + PORTAUDIO_MB * CYCLES
    lost = [event["lost_seconds"] for event in listening.events if event["type"] == "source_reopened"]
    skipped = [event["n_samples"] for event in listening.events if event["type"] == "audio_skipped"]
    # Gaps are measured on the whole stream: where one seemed longer, because audio came late, the next makes it up.
    assert sum(skipped) / 22_050 == pytest.approx(sum(lost), abs=0.5)
    assert listening.stop() == ""  # not a word of ALSA's or PortAudio's


def test_a_server_frozen_for_long_is_a_loss_and_is_heard_again(
    virtual_microphone: VirtualMicrophone, listening: Listening
) -> None:
    virtual_microphone.pause()
    listening.wait_for(lambda _: count(listening, "source_lost") == 1)
    virtual_microphone.resume()
    listening.wait_for(lambda _: count(listening, "source_reopened") == 1)
    (back,) = [event for event in listening.events if event["type"] == "source_reopened"]
    assert back["lost_seconds"] > 2.0  # counted from the last audio, not from when it was noticed
    assert listening.stop() == ""


def test_a_program_ends_although_its_sound_server_is_frozen(
    virtual_microphone: VirtualMicrophone, listening: Listening
) -> None:
    virtual_microphone.pause()
    try:
        assert listening.stop() == ""
        assert listening.process.returncode == -signal.SIGTERM
    finally:
        virtual_microphone.resume()
