"""The files of an exported network, where no training is needed to see them."""

from pathlib import Path

import numpy as np
import pytest

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.model import KERAS_NAME, Model
from kws_live.model.card import LITERT_NAME
from kws_live.model.scorer import LiteRtScorer
from kws_live.stream.resampling import Resampler
from tests.training.small_archives import KEYWORDS, TINY, write_words

# Keras converts its own variables in a way that numpy 2 has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first test imports TensorFlow, on cores that others use too
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


def test_the_shipped_litert_files_give_what_their_keras_network_gives(
    commands_model: Model, demo_audio: Samples
) -> None:
    """To 1e-4 with the same weights; convolutions in 8 bits, as in the shipped file, may cost some hundredths."""
    import keras

    from kws_live.training.export import FLOAT_NAME

    network = keras.models.load_model(commands_model.folder / KERAS_NAME)
    exact, shipped = (
        LiteRtScorer((commands_model.folder / name).read_bytes(), commands_model.card)
        for name in (FLOAT_NAME, LITERT_NAME)
    )
    resampler = Resampler(22_050, SPEECH_RATE_HZ)
    speech = np.concatenate((resampler.process(demo_audio), resampler.finish()))
    windows = [speech[at : at + SPEECH_RATE_HZ] for at in range(0, speech.size - SPEECH_RATE_HZ, 4000)]
    mfcc = np.array([commands_model.extractor.mfcc(window) for window in windows])
    for features, expected in zip(mfcc, np.asarray(network(mfcc, training=False)), strict=True):
        np.testing.assert_allclose(exact.score(features).posteriors, expected, atol=1e-4)
        # 8-bit weights; between two words
        np.testing.assert_allclose(shipped.score(features).posteriors, expected, atol=0.15)


def test_a_network_that_8_bits_do_not_suit_runs_live_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kws_live.training import export
    from kws_live.training.architectures import build_network

    network = build_network("tc_resnet", TINY, 4, {"channels": (16,)})
    archive = write_words(tmp_path / "words")
    monkeypatch.setattr(export, "LEAST_AGREEMENT", 1.01)
    export.export_model(network, tmp_path, "mine", "a test", KEYWORDS, TINY, archive.mfcc(archive.rows("train")))
    assert (tmp_path / LITERT_NAME).read_bytes() == (tmp_path / export.FLOAT_NAME).read_bytes()
