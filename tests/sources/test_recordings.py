from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.sources.recordings import fit, read_mono, read_own_rate


@pytest.mark.parametrize(("right", "rms"), [(1.0, 0.1), (-1.0, 0.1), (0.0, 0.05)])
def test_a_file_is_made_mono_as_a_microphone_is(tmp_path: Path, right: float, rms: float) -> None:
    """The mean; but channels in antiphase would leave nothing, so there the louder one."""
    left = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    soundfile.write(tmp_path / "a.wav", np.stack((left, right * left), axis=1), 16_000, "FLOAT")
    samples, rate_hz = read_own_rate(tmp_path / "a.wav")
    assert (samples.shape, rate_hz) == ((16_000,), 16_000)
    assert np.std(samples[1_000:]) == pytest.approx(rms, rel=0.05)
    assert read_mono(tmp_path / "a.wav", 8_000).shape == (8_000,)


@pytest.mark.parametrize("keep", ["middle", "loudest"])
def test_a_short_clip_lies_in_the_middle_of_zeros(keep: str) -> None:
    np.testing.assert_array_equal(fit(np.ones(2, np.float32), 5, keep), [0, 1, 1, 0, 0])  # type: ignore[arg-type]
    np.testing.assert_array_equal(fit(np.ones(5, np.float32), 5, keep), np.ones(5))  # type: ignore[arg-type]


def test_of_a_long_clip_the_middle_or_the_loudest_part_is_kept() -> None:
    # Parts of three have the energies 1, 5, 8, 8, 4: the first of the greatest wins.
    clip = np.array([0, 1, 0, 2, 2, 0, 0], np.float32)
    np.testing.assert_array_equal(fit(clip, 3, "middle"), [0, 2, 2])
    np.testing.assert_array_equal(fit(clip, 4, "middle"), [1, 0, 2, 2])
    np.testing.assert_array_equal(fit(clip[:4], 3, "middle"), [0, 1, 0])
    np.testing.assert_array_equal(fit(clip, 3, "loudest"), [0, 2, 2])
    np.testing.assert_array_equal(fit(clip[::-1], 3, "loudest"), [0, 2, 2])
    np.testing.assert_array_equal(fit(np.array([2, 0, 0, 0, 0], np.float32), 3, "loudest"), [2, 0, 0])
