"""Beginning with a trained network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws_live.errors import ConfigError
from kws_live.model.features import SPEECH
from kws_live.training.recipe import Recipe
from tests.training.small_archives import KEYWORDS, TINY

# Keras converts its own variables in a way that numpy 2 has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first test imports TensorFlow, on cores that others use too
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

OPTIONS = {"channels": (8, 8), "kernel": 3}


def test_fine_tuning_keeps_the_trunk_and_the_words_that_both_have(tmp_path: Path) -> None:
    import keras

    from kws_live.training.architectures import build_network
    from kws_live.training.export import export_model
    from kws_live.training.fine_tuning import network_from

    keras.utils.set_random_seed(3)
    trunk = build_network("tc_resnet", TINY, 4, OPTIONS)
    sample = np.zeros((4, TINY.n_frames, TINY.n_mfcc), np.float32)
    export_model(trunk, tmp_path / "base", "base", "for a test", KEYWORDS, TINY, sample)
    recipe = Recipe("mine", "for a test", "tc_resnet", ("lamp", "no"), OPTIONS)
    network = network_from(tmp_path / "base", recipe, TINY)
    before, after = trunk.get_weights(), network.get_weights()
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(after[:-2], before[:-2], strict=True))
    assert np.array_equal(after[-2][:, 1], before[-2][:, 1])  # "no" is the second word of both
    assert np.array_equal(after[-2][:, 2:], before[-2][:, 2:])  # unknown and silence
    assert not np.array_equal(after[-2][:, 0], before[-2][:, 0])
    with pytest.raises(
        ConfigError, match=r"has a different network from recipe 'mine'; use the architecture and \[options\]"
    ):
        network_from(tmp_path / "base", replace(recipe, options={**OPTIONS, "channels": (16, 16)}), TINY)
    with pytest.raises(ConfigError, match="has a different front end from the features"):
        network_from(tmp_path / "base", recipe, SPEECH)
