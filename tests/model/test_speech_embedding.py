"""The embedding is the original's, from samples on, and goes on where it stopped."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.errors import ModelError
from kws_live.model import Model
from kws_live.model.features import PAPER, SPEECH
from kws_live.model.speech_embedding import (
    EMBEDDING_SIZE,
    FLOOR,
    FRAME_SAMPLES,
    N_BANDS,
    SEEN_FRAMES,
    STEP_FRAMES,
    SpeechEmbedding,
    band_filters,
    fits,
)
from kws_live.sources.recordings import read_mono
from tests.enrolment.spoken_takes import DEMO

REFERENCE = Path(__file__).with_name("speech_embedding.npy")
"""What the original makes of the first seconds of the demo (scripts/make_speech_embedding.py --reference)."""


@pytest.fixture(scope="module")
def reference() -> NDArray[np.float32]:
    return np.asarray(np.load(REFERENCE), dtype=np.float32)


@pytest.fixture(scope="module")
def samples(reference: NDArray[np.float32]) -> Samples:
    return read_mono(DEMO, SPEECH_RATE_HZ)[: 5 * SPEECH_RATE_HZ]


def bands_of(model: Model, samples: Samples) -> NDArray[np.float32]:
    return model.rows(samples)[:, model.card.features.n_mfcc :]


def test_the_embedding_is_the_originals_on_the_originals_front_end(
    commands_model: Model, samples: Samples, reference: NDArray[np.float32]
) -> None:
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::160] * hann
    bands = np.log(np.abs(np.fft.rfft(frames, 512)) @ band_filters(512, SPEECH_RATE_HZ) + FLOOR).astype(np.float32)
    found = commands_model.embedding().of(bands)
    assert found.shape == reference.shape
    np.testing.assert_allclose(found, reference, atol=0.02)
    assert np.std(reference) > 0.5


def test_on_this_projects_spectrum_it_is_nearly_so(
    commands_model: Model, samples: Samples, reference: NDArray[np.float32]
) -> None:
    found = commands_model.embedding().of(bands_of(commands_model, samples))
    n = min(len(found), len(reference))
    cosines = np.sum(found[:n] * reference[:n], axis=1)
    cosines /= np.linalg.norm(found[:n], axis=1) * np.linalg.norm(reference[:n], axis=1)
    assert np.median(cosines) > 0.98


def test_step_by_step_it_gives_the_same_to_the_bit_whatever_came_before(
    commands_model: Model, samples: Samples
) -> None:
    bands = bands_of(commands_model, samples)
    whole = commands_model.embedding().of(bands)
    stepped = commands_model.embedding()
    stepped.of(bands[::-1])  # another stretch
    n_first = 3
    n_frames = SEEN_FRAMES + (n_first - 1) * STEP_FRAMES
    assert np.array_equal(stepped.of(bands[:n_frames]), whole[:n_first])
    for number, at in enumerate(range(n_frames, len(bands) - STEP_FRAMES + 1, STEP_FRAMES), n_first):
        assert np.array_equal(stepped.step(bands[at : at + STEP_FRAMES]), whole[number])


def test_a_stretch_too_short_gives_nothing(commands_model: Model) -> None:
    short = np.zeros((SEEN_FRAMES - 1, N_BANDS), np.float32)
    assert commands_model.embedding().of(short).shape == (0, EMBEDDING_SIZE)
    assert commands_model.embedding().of(np.vstack((short, short[:1]))).shape == (1, EMBEDDING_SIZE)


def test_the_filters_are_triangles_with_peaks_of_one_between_60_and_3800_hz() -> None:
    filters = band_filters(512, SPEECH_RATE_HZ)
    assert filters.shape == (257, N_BANDS)
    hz = np.flatnonzero(filters.any(axis=1)) * SPEECH_RATE_HZ / 512
    assert hz.min() > 60
    assert hz.max() < 3800
    fine = band_filters(2**16, SPEECH_RATE_HZ)
    np.testing.assert_allclose(fine.max(axis=0), 1, atol=0.01)
    # A filter falls where the next one rises: between the first peak and the last they sum to one.
    between = fine[fine[:, 0].argmax() : fine[:, -1].argmax()]
    np.testing.assert_allclose(between.sum(axis=1), 1, atol=2e-3)


def test_another_front_end_does_not_fit() -> None:
    assert fits(SPEECH)
    assert not fits(PAPER)


def test_another_network_is_refused(commands_model: Model) -> None:
    content = (commands_model.folder / "model.tflite").read_bytes()
    with pytest.raises(ModelError, match="this version's embedding maps 8 x 32 to 96"):
        SpeechEmbedding(content, "embedding.tflite")
    with pytest.raises(ModelError, match=r"embedding\.tflite: LiteRT cannot load the embedding"):
        SpeechEmbedding(b"no network", "embedding.tflite")
