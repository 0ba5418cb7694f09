"""The networks."""

import numpy as np
import pytest

from kws_live.errors import ConfigError
from kws_live.model.features import PAPER, SPEECH, dct_matrix
from kws_live.training.recipe import load_recipe, shipped_recipes

# Keras converts its own variables in a way that numpy 2 has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first test imports TensorFlow, on cores that others use too
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.mark.parametrize("architecture", ["paper_cnn", "tc_resnet", "stem_tcn", "resnet"])
def test_every_architecture_gives_posteriors_that_sum_to_one(architecture: str) -> None:
    from kws_live.training.architectures import ARCHITECTURES, build_network

    network = build_network(architecture, SPEECH, 12)
    mfcc = np.random.default_rng(1).normal(0, 20, (2, SPEECH.n_frames, SPEECH.n_mfcc)).astype(np.float32)
    posteriors = np.asarray(network(mfcc, training=False))
    assert posteriors.shape == (2, 12)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)
    assert ARCHITECTURES[architecture].__module__.rpartition(".")[2] == architecture


def test_a_channel_says_where_in_the_spectrum_each_point_lies() -> None:
    from kws_live.training.architectures.resnet import BandPlace

    picture = np.random.default_rng(1).normal(size=(2, 4, 5, 1)).astype(np.float32)
    seen = np.asarray(BandPlace()(picture))
    np.testing.assert_array_equal(seen[..., :1], picture)
    np.testing.assert_allclose(seen[..., 1], np.broadcast_to([-1, -0.5, 0, 0.5, 1], (2, 4, 5)))


def test_the_original_network_has_the_papers_34828_parameters() -> None:
    from kws_live.training.architectures import build_network

    # 44 x 13 MFCC and 12 labels, counted layer by layer: see the original experiment
    assert build_network("paper_cnn", PAPER, 12).count_params() == 34_828


def test_the_small_model_has_at_most_30000_parameters() -> None:
    from kws_live.training.architectures import build_network

    recipe = load_recipe("commands-12-small")
    assert build_network(recipe.architecture, SPEECH, 12, recipe.options).count_params() <= 30_000


def test_every_shipped_recipe_builds_its_network() -> None:
    from kws_live.training.architectures import build_network

    recipes = map(load_recipe, shipped_recipes())
    networks = [(recipe.architecture, len(recipe.keywords) + 2, recipe.options) for recipe in recipes]
    for n, (architecture, n_labels, options) in enumerate(networks):
        if networks.index((architecture, n_labels, options)) == n:  # several recipes train the same network
            build_network(architecture, SPEECH, n_labels, options)


def test_the_first_layers_undo_the_cosine_transform() -> None:
    import keras

    from kws_live.training.architectures import MEAN_DB, SCALE_DB, build_network

    network = build_network("tc_resnet", SPEECH, 12)
    picture = keras.Model(network.input, network.get_layer("picture").output)
    decibels = np.random.default_rng(2).normal(-30, 20, (1, SPEECH.n_frames, SPEECH.n_mels)).astype(np.float32)
    seen = np.asarray(picture(decibels @ dct_matrix(40, 40).T))
    np.testing.assert_allclose(seen, (decibels - MEAN_DB) / SCALE_DB, atol=2e-5)


def test_an_unknown_architecture_or_option_is_refused() -> None:
    from kws_live.training.architectures import build_network

    with pytest.raises(ConfigError, match="no architecture 'lstm'; choose from: paper_cnn"):
        build_network("lstm", SPEECH, 12)
    with pytest.raises(ConfigError, match=r"no such option.*width"):
        build_network("tc_resnet", SPEECH, 12, {"width": 3})
