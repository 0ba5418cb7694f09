"""The microphone over a sounddevice without sound: the callback, the choice of a device, errors in words."""

import numpy as np
import pytest

from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.sources import open_source, reopen_source
from kws_live.sources.microphone import BATCH_BLOCKS, QUEUE_BATCHES, Microphone
from tests.fake_sounddevice import FakeSounddevice, PortAudioError

BLOCK = np.full((480, 1), 0.25, np.float32)


def test_the_callback_copies_because_portaudio_reuses_its_buffer(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    buffer = BLOCK.copy()
    for _ in range(BATCH_BLOCKS):
        fake_sounddevice.streams[-1].speak(buffer)
    buffer[:] = 9
    got = microphone.read(1.0)
    microphone.close()
    assert got is not None
    np.testing.assert_array_equal(got, np.concatenate([BLOCK] * BATCH_BLOCKS))


def test_more_blocks_than_the_queue_holds_are_bounded(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    for _ in range(3 * QUEUE_BATCHES * BATCH_BLOCKS):
        fake_sounddevice.streams[-1].speak(BLOCK)
    n_samples = 0
    while (block := microphone.read(0.0)) is not None and block.shape[0]:
        n_samples += block.shape[0]
    assert n_samples == QUEUE_BATCHES * BATCH_BLOCKS * BLOCK.shape[0]
    microphone.close()


@pytest.mark.usefixtures("fake_sounddevice")
def test_nothing_yet_is_an_empty_block() -> None:
    microphone = Microphone()
    block = microphone.read(0.0)
    assert block is not None
    assert block.shape == (0, 1)
    microphone.close()


def test_a_stream_that_finishes_by_itself_is_lost(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    fake_sounddevice.streams[-1].go_away()

    def read_on() -> None:
        for _ in range(2):  # what it had given is read first
            microphone.read(1.0)

    with pytest.raises(SourceLostError, match="'Built-in' was disconnected"):
        read_on()
    microphone.close()


def test_what_was_heard_before_a_loss_is_handed_over_in_order_before_it_is_told(
    fake_sounddevice: FakeSounddevice,
) -> None:
    microphone = Microphone()
    for value in (0.1, 0.2, 0.3, 0.4):
        fake_sounddevice.streams[-1].speak(np.full((480, 1), value, np.float32))
    fake_sounddevice.streams[-1].go_away()
    heard = [microphone.read(1.0) for _ in range(3)]
    samples = np.concatenate([block[:, 0] for block in heard if block is not None])
    np.testing.assert_array_equal(samples, np.repeat(np.array([0.1, 0.2, 0.3, 0.4], np.float32), 480))
    with pytest.raises(SourceLostError, match="was disconnected"):
        microphone.read(1.0)
    microphone.close()


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("", "Built-in"),
        ("USB", "USB Desk Microphone"),
        ("usb desk", "USB Desk Microphone"),
        ("1", "USB Desk Microphone"),
    ],
)
def test_a_device_is_chosen_by_default_number_or_part_of_its_name(
    fake_sounddevice: FakeSounddevice, wanted: str, name: str
) -> None:
    microphone = Microphone(wanted)
    assert microphone.name == name
    assert microphone.rate_hz == 48_000
    arguments = fake_sounddevice.streams[-1].arguments
    assert (arguments["samplerate"], arguments["dtype"], arguments["latency"]) == (48_000, "float32", "high")
    microphone.close()
    assert not fake_sounddevice.streams[-1].is_open


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("USB Dusk", "no microphone 'USB Dusk'; near: 'USB Desk Microphone'.*kws-live devices"),
        ("zzz", "no microphone 'zzz'; near: 'Built-in', 'USB Desk Microphone'"),
        ("7", "no microphone number 7; there are: 0, 1"),
        ("Speakers", "no microphone 'Speakers'"),
    ],
)
@pytest.mark.usefixtures("fake_sounddevice")
def test_an_unknown_device_lists_the_near_ones(wanted: str, said: str) -> None:
    with pytest.raises(SourceUnavailableError, match=said):
        Microphone(wanted)


def test_no_microphone_at_all_names_the_demo_and_the_list(fake_sounddevice: FakeSounddevice) -> None:
    fake_sounddevice.devices[:] = fake_sounddevice.devices[-1:]
    with pytest.raises(SourceUnavailableError, match=r"no microphone found; .*kws-live devices.*--source demo:"):
        Microphone()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PortAudioError("Device unavailable", -9985), "another program holds it"),
        (PortAudioError("Invalid sample rate", -9997), "does not take its own sample rate"),
        (PortAudioError("Invalid number of channels", -9998), "does not give that many channels"),
        (PortAudioError("Unanticipated host error\nmore lines", -9999), "Unanticipated host error;.*kws-live devices"),
        (PortAudioError("Error querying device -1"), "Error querying device -1;.*kws-live devices"),
    ],
)
@pytest.mark.parametrize("when", ["fails_to_open", "fails_to_start"])
def test_what_portaudio_refuses_is_said_in_words_and_nothing_stays_open(
    fake_sounddevice: FakeSounddevice, when: str, error: Exception, said: str
) -> None:
    setattr(fake_sounddevice, when, error)
    with pytest.raises(SourceUnavailableError, match=f"cannot open microphone 'Built-in': .*{said}") as caught:
        Microphone()
    assert "\n" not in str(caught.value)
    assert not any(stream.is_open for stream in fake_sounddevice.streams)


@pytest.mark.slow
def test_one_channel_of_a_microphone_is_chosen_and_reopened_by_its_number(fake_sounddevice: FakeSounddevice) -> None:
    fake_sounddevice.devices[1]["max_input_channels"] = 8
    for source, name in (("mic:USB#3", "USB Desk Microphone#3"), ("mic:1#3", "USB Desk Microphone#3")):
        microphone = open_source(source)
        assert microphone.name == name
        assert fake_sounddevice.streams[-1].arguments["channels"] == 3
        microphone.close()
        again = reopen_source(source, name)
        assert again.name == name
        again.close()
    assert open_source("mic:#1").name == "Built-in#1"


def test_a_device_whose_name_looks_like_a_channel_is_that_device(fake_sounddevice: FakeSounddevice) -> None:
    fake_sounddevice.devices[1]["name"] = "USB Audio #1"
    assert open_source("mic:USB Audio #1").name == "USB Audio #1"
