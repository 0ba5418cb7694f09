"""Several channels become one, and words survive channels that cancel each other."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kws_live
from kws_live.audio import Block, Samples
from kws_live.model import Model
from kws_live.sources.array import ArraySource
from kws_live.stream.channels import Mixer

RATE_HZ = 16_000


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.05, round(seconds * RATE_HZ)).astype(np.float32)


def mixed(block: Block, n_samples: int = 640) -> tuple[Samples, int | None]:
    mixer = Mixer(RATE_HZ)
    parts = [mixer.mono(block[at : at + n_samples]) for at in range(0, block.shape[0], n_samples)]
    return np.concatenate(parts), mixer.chosen


@pytest.mark.parametrize(("right", "chosen"), [(-1.0, 0), (-0.7, 0), (-1.4, 1)])
def test_of_channels_in_antiphase_the_louder_one_is_taken(right: float, chosen: int) -> None:
    left = noise(2)
    samples, took = mixed(np.stack([left, np.float32(right) * left], axis=1))
    assert took == chosen
    np.testing.assert_allclose(samples[RATE_HZ:], (left * np.float32(right if chosen else 1))[RATE_HZ:], rtol=1e-6)


@pytest.mark.parametrize("right", [1.0, 0.5, 0.0, -0.2])
def test_of_other_channels_the_mean_is_taken(right: float) -> None:
    left = noise(2)
    block = np.stack([left, np.float32(right) * left], axis=1)
    samples, chosen = mixed(block)
    assert chosen is None
    np.testing.assert_array_equal(samples, block.mean(axis=1, dtype=np.float32))


@pytest.mark.twin("test_of_channels_in_antiphase_the_louder_one_is_taken")
def test_channels_that_have_nothing_in_common_are_averaged() -> None:
    block = np.stack([noise(2, 1), noise(2, 2)], axis=1)
    assert mixed(block)[1] is None


def test_silence_decides_nothing_and_a_cable_put_right_is_noticed() -> None:
    left = noise(3)
    wrong, right = np.stack([left, -left], axis=1), np.stack([left, left], axis=1)
    mixer = Mixer(RATE_HZ)
    for block, chosen in (
        (np.zeros_like(wrong), None),
        (wrong, 0),
        (np.zeros_like(wrong), 0),
        (right, None),
    ):
        mixer.mono(block)
        assert mixer.chosen == chosen


@pytest.mark.parametrize("fault", [[1e30, 0], [0, -1e30], [1e30, -1e30], [1e5, 1e5]])
def test_one_faulty_sample_does_not_decide_for_long(fault: list[float]) -> None:
    left = noise(6)
    for factor, chosen in ((1.0, None), (-1.0, 0)):
        block = np.stack([left, np.float32(factor) * left], axis=1)
        block[RATE_HZ // 2] = fault
        assert mixed(block)[1] == chosen


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20), st.integers(0, 100))
def test_the_mix_does_not_depend_on_how_audio_is_cut(cuts: list[int], seed: int) -> None:
    left = noise(1, seed)
    block = np.concatenate([np.stack([left, np.float32(sign) * left], axis=1) for sign in (1, -1, 1, -1)])
    mixer, at = Mixer(RATE_HZ), 0
    parts: list[Samples] = []
    while at < block.shape[0]:
        n_samples = cuts[len(parts)] if len(parts) < len(cuts) else 640
        parts.append(mixer.mono(block[at : at + n_samples]))
        at += n_samples
    np.testing.assert_array_equal(np.concatenate(parts), mixed(block)[0])


@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_one_channel_and_more_than_two_are_averaged(n_channels: int) -> None:
    block = np.random.default_rng(0).normal(0, 0.1, (100, n_channels)).astype(np.float32)
    np.testing.assert_allclose(Mixer(RATE_HZ).mono(block), block.mean(axis=1), atol=1e-7)


@pytest.mark.slow
def test_the_demo_in_antiphase_gives_all_its_words_in_a_file_and_live(
    demo_audio: Samples, demo_words: list[str], commands_model: Model
) -> None:
    block = np.stack([demo_audio, -demo_audio], axis=1)
    found = [(event.keyword, event.position) for event in words(kws_live.detect(block, model=commands_model))]
    assert [word for word, _ in found] == demo_words
    with kws_live.listen(ArraySource(block, 22_050, 700), model=commands_model) as spotter:
        heard = words(spotter.events())
    assert [(event.keyword, event.position) for event in heard] == found


def words(events: object) -> list[kws_live.Detection]:
    return [event for event in events if isinstance(event, kws_live.Detection)]  # type: ignore[attr-defined]


def test_a_channel_of_a_file_is_chosen_by_its_number(tmp_path: Path) -> None:
    import soundfile

    from kws_live.errors import AudioError, SourceUnavailableError
    from kws_live.sources import open_source

    block = np.stack([noise(0.05, 1), noise(0.05, 2)], axis=1)
    soundfile.write(tmp_path / "a.wav", block, RATE_HZ, subtype="FLOAT")
    for channel in (1, 2):
        source = open_source(f"{tmp_path / 'a.wav'}#{channel}", paced=False)
        assert source.name.endswith(f"a.wav#{channel}")
        got = source.read(1.0)
        assert got is not None
        np.testing.assert_array_equal(got[:, 0], block[:, channel - 1])
        source.close()
        assert source.read(0.0) is None
    with pytest.raises(AudioError, match="only 2 channels, counted from 1"):
        open_source(f"{tmp_path / 'a.wav'}#3", paced=False).read(1.0)
    with pytest.raises(SourceUnavailableError, match="channels count from 1"):
        open_source(f"{tmp_path / 'a.wav'}#0")
    soundfile.write(tmp_path / "take#2", block, RATE_HZ, format="WAV")  # a name that only looks like it
    both = open_source(str(tmp_path / "take#2"), paced=False).read(1.0)
    assert both is not None
    assert both.shape[1] == 2
