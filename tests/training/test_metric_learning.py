"""The embedding, and beginning with a trained network: what needs TensorFlow is in few files, its import is slow."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from kws_live.errors import ConfigError
from kws_live.model.features import SPEECH
from kws_live.training.architectures import build_network
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.dataset import BACKGROUND, FeatureArchive
from kws_live.training.export import export_model
from kws_live.training.fine_tuning import network_from
from kws_live.training.metric_learning import (
    EmbeddingRecipe,
    embed,
    embedding_network,
    hold_out,
    load_embedding_recipe,
    train_embedding,
    word_augmenter,
    words_of,
)
from kws_live.training.recipe import Recipe
from tests.training.small_archives import KEYWORDS, TINY, write_words

# Keras converts its own variables in a way that numpy 2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

OPTIONS = {"stem": (2, 4), "channels": 12, "kernels": (3,), "head": 12, "dropout": 0.0}
RECIPE = EmbeddingRecipe(
    held_out=("no",),
    size=8,
    scale=12.0,
    margin=0.1,
    balance=0.5,
    steps=30,
    batch_size=16,
    learning_rate=0.01,
    warmup_steps=3,
    weight_decay=0.01,
    average=0.8,
    save_every=10,
    seed=1,
    augmentation=AugmentationSettings(unknown_share=0.0, gain_db=(-3.0, 3.0), snr_db=(10.0, 30.0)),
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> FeatureArchive:
    return write_words(tmp_path_factory.mktemp("features") / "words")


@pytest.fixture(scope="module")
def trunk() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_network("stem_tcn", TINY, 4, OPTIONS)


class Killed(BaseException):
    """Ends a run as a kill does."""


def test_windows_of_one_word_come_together_and_a_killed_run_ends_the_same(
    trunk: keras.Model, archive: FeatureArchive, tmp_path: Path
) -> None:
    losses: list[float] = []
    network = train_embedding(RECIPE, trunk, [archive.folder], tmp_path / "a", lambda *step: losses.append(step[2]))
    assert losses[-1] < 0.7 * losses[0]
    found = {word: embed(network, archive.mfcc(archive.rows("val", [word]))) for word in ("yes", "maybe", "no")}
    assert all(np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-4) for rows in found.values())
    same, other = (float((found["yes"] @ found[word].T).mean()) for word in ("yes", "maybe"))
    assert same > other + 0.3
    # A word that it never heard is nearer to itself than to the others.
    assert (found["no"] @ found["no"].T).mean() > (found["no"] @ found["yes"].T).mean() + 0.1

    def kill(done: int, total: int, loss: float) -> None:
        if done == 25:
            raise Killed

    with pytest.raises(Killed):
        train_embedding(RECIPE, trunk_again(), [archive.folder], tmp_path / "b", kill)
    resumed: list[int] = []
    again = train_embedding(
        RECIPE, trunk_again(), [archive.folder], tmp_path / "b", lambda done, *_: resumed.append(done)
    )
    assert resumed[0] == 21  # from the last saved step
    for ours, theirs in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def trunk_again() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_network("stem_tcn", TINY, 4, OPTIONS)


def test_the_embedding_is_the_trunk_and_a_layer_of_length_one(trunk: keras.Model) -> None:
    network = embedding_network(trunk, 8)
    mfcc = np.random.default_rng(0).normal(0, 30, (3, TINY.n_frames, TINY.n_mfcc)).astype(np.float32)
    assert np.linalg.norm(embed(network, mfcc), axis=1) == pytest.approx([1, 1, 1], abs=1e-4)


def test_held_out_words_are_in_no_set_and_no_class(archive: FeatureArchive) -> None:
    rest = hold_out(archive, ["no"])
    assert not rest.rows("train", ["no"]).size
    assert not rest.rows("val", ["no"]).size
    assert words_of([archive], ["no"]) == ["maybe", "yes"]
    assert words_of([archive], [], least=31) == []
    augmenter = word_augmenter([archive.folder], RECIPE)
    assert "no" not in set(archive.labels[augmenter.clips.row].tolist())
    assert BACKGROUND in set(archive.labels[augmenter.clips.row].tolist())


def test_rare_words_are_drawn_more_often_than_they_are(archive: FeatureArchive, tmp_path: Path) -> None:
    common, even = (
        word_augmenter([archive.folder], replace(RECIPE, balance=balance, batch_size=2000)) for balance in (1.0, 0.0)
    )
    label = common.clips.label.copy()
    rare = np.flatnonzero(label == 0)[3:]  # three clips of the first word are left, of the second all thirty
    label[rare] = 2
    drawn = []
    for augmenter in (common, even):
        thinned = replace(augmenter, clips=replace(augmenter.clips, label=label))
        drawn.append(label[thinned.choose_words(0, 0)])
    shares = [float((one == 0).mean()) for one in drawn]
    assert shares[0] == pytest.approx(3 / 33, abs=0.04)
    assert shares[1] == pytest.approx(1 / 2, abs=0.06)


def test_the_shipped_recipe_can_be_read_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    recipe = load_embedding_recipe()
    assert recipe.fingerprint() == replace(recipe, notes="others", save_every=7).fingerprint()
    assert recipe.fingerprint() != replace(recipe, margin=0.5).fingerprint()
    (tmp_path / "r.toml").write_text('held_out = []\nsteps = "many"\ncolour = 3\n')
    with pytest.raises(ConfigError, match=r"r\.toml cannot be used"):
        load_embedding_recipe(tmp_path / "r.toml")


def test_fine_tuning_keeps_the_trunk_and_the_words_that_both_have(trunk: keras.Model, tmp_path: Path) -> None:
    sample = np.zeros((4, TINY.n_frames, TINY.n_mfcc), np.float32)
    export_model(trunk, tmp_path / "base", "base", "for a test", KEYWORDS, TINY, sample)
    recipe = Recipe("mine", "for a test", "stem_tcn", ("lamp", "no"), OPTIONS)
    network = network_from(tmp_path / "base", recipe, TINY)
    before, after = trunk.get_weights(), network.get_weights()
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(after[:-2], before[:-2], strict=True))
    assert np.array_equal(after[-2][:, 1], before[-2][:, 1])  # "no" is the second word of both
    assert np.array_equal(after[-2][:, 2:], before[-2][:, 2:])  # unknown and silence
    assert not np.array_equal(after[-2][:, 0], before[-2][:, 0])
    with pytest.raises(
        ConfigError, match=r"has another network than recipe 'mine'; use the architecture and \[options\]"
    ):
        network_from(tmp_path / "base", replace(recipe, options={**OPTIONS, "channels": 16}), TINY)
    with pytest.raises(ConfigError, match="has another front end than the features"):
        network_from(tmp_path / "base", recipe, SPEECH)
