"""Networks, the training loop and export: everything that needs TensorFlow, in one file because its import is slow."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from kws_live.cli import main
from kws_live.errors import ConfigError, DatasetError
from kws_live.model import load_model
from kws_live.model.card import LITERT_NAME
from kws_live.model.features import PAPER, SPEECH, dct_matrix
from kws_live.training import export
from kws_live.training.architectures import ARCHITECTURES, MEAN_DB, SCALE_DB, build_network
from kws_live.training.architectures.resnet import BandPlace
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.dataset import FeatureArchive
from kws_live.training.export import FLOAT_NAME, export_model, litert_posteriors
from kws_live.training.recipe import Recipe, load_recipe, shipped_recipes
from kws_live.training.report import Scored
from kws_live.training.trainer import Trained, Validation, WarmupCosine, train
from kws_live.training.training_run import add_biases, load_network
from kws_live.training.weight_average import Average
from tests.training.small_archives import KEYWORDS, TINY, write_words

# Keras converts its own variables in a way that numpy 2 has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

RECIPE = Recipe(
    name="small",
    description="for a test",
    architecture="tc_resnet",
    keywords=KEYWORDS,
    options={"channels": (16, 24), "kernel": 5},
    epochs=8,
    batch_size=16,
    learning_rate=0.02,
    warmup_epochs=1,
    average=0.9,
    augmentation=AugmentationSettings(gain_db=(-3.0, 3.0), snr_db=(10.0, 30.0)),
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> FeatureArchive:
    return write_words(tmp_path_factory.mktemp("features") / "words")


@pytest.fixture(scope="module")
def trained(archive: FeatureArchive, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(RECIPE, [archive], tmp_path_factory.mktemp("run"))


def test_training_learns_the_words(trained: Trained) -> None:
    assert trained.best.val_accuracy > 0.9
    assert trained.history[-1].train_loss < trained.history[0].train_loss
    assert [row.epoch for row in trained.history] == list(range(1, 9))


def test_the_network_has_the_weights_of_the_best_epoch(trained: Trained, archive: FeatureArchive) -> None:
    loss, accuracy, balanced = Validation.of([archive], KEYWORDS).figures(trained.network, 4)
    assert loss == pytest.approx(trained.best.val_loss, abs=1e-5)
    assert (accuracy, balanced) == (trained.best.val_accuracy, trained.best.val_balanced_accuracy)
    assert balanced == max(row.val_balanced_accuracy for row in trained.history)


class Decided:
    """A network whose posteriors are its input."""

    def predict_on_batch(self, posteriors: np.ndarray) -> np.ndarray:
        return posteriors


def test_the_loss_weighs_words_and_what_is_rejected_alike_and_asks_not_how_it_is_rejected() -> None:
    posteriors = [
        [0.5, 0.3, 0.1, 0.1],  # a word
        [0.2, 0.3, 0.1, 0.4],  # unknown, taken for silence
        [0.1, 0.1, 0.1, 0.7],  # unknown
        [0.3, 0.2, 0.5, 0.0],  # unknown
        [0.1, 0.0, 0.8, 0.1],  # silence, taken for unknown
    ]
    validation = Validation(np.array(posteriors, dtype=np.float32), np.array([0, 2, 2, 2, 3]))
    loss, accuracy, recall = validation.figures(Decided(), 4)
    unknown = (np.log(0.5) + np.log(0.8) + np.log(0.5)) / 3
    assert loss == pytest.approx(-(np.log(0.5) + unknown + np.log(0.9)) / 3, abs=1e-6)
    assert accuracy == pytest.approx(2 / 5)
    assert recall == pytest.approx((1 + 1 / 3 + 0) / 3)


class Killed(BaseException):
    """Ends a run as a kill does: nothing in the trainer catches it."""


@pytest.mark.parametrize(("at_step", "save_seconds"), [(13, 1e9), (31, 0.0)])
def test_a_killed_run_goes_on_to_the_same_end(
    trained: Trained, archive: FeatureArchive, tmp_path: Path, at_step: int, save_seconds: float
) -> None:
    def kill(done: int, total: int, loss: float) -> None:
        if done == at_step:
            raise Killed

    with pytest.raises(Killed):
        train(RECIPE, [archive], tmp_path, on_step=kill, save_seconds=save_seconds)
    (tmp_path / "state.partial.npz").write_bytes(b"half a file: killed while it was written")
    steps: list[int] = []
    resumed = train(RECIPE, [archive], tmp_path, on_step=lambda done, total, loss: steps.append(done))
    # From the last whole epoch, not from the start; from the very next step where each was saved.
    assert steps[0] in (range(2, at_step + 1) if save_seconds else {at_step + 1})
    for first, second in zip(trained.history, resumed.history, strict=True):
        assert second.val_loss == pytest.approx(first.val_loss, abs=1e-4)
        assert second.train_loss == pytest.approx(first.train_loss, abs=1e-4)
    for mine, other in zip(resumed.network.get_weights(), trained.network.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-3)


def test_a_finished_run_is_not_trained_again(archive: FeatureArchive, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2)
    first = train(recipe, [archive], tmp_path)
    again = train(recipe, [archive], tmp_path, on_step=lambda *_: pytest.fail("a step was made"))
    assert again.history == first.history
    np.testing.assert_array_equal(again.network.get_weights()[0], first.network.get_weights()[0])


def test_a_run_that_stops_early_is_the_beginning_of_the_whole_one(
    trained: Trained, archive: FeatureArchive, tmp_path: Path
) -> None:
    part = train(replace(RECIPE, stop_epoch=2), [archive], tmp_path)
    assert len(part.history) == 2
    for first, second in zip(part.history, trained.history, strict=False):
        assert (first.epoch, first.learning_rate) == (second.epoch, second.learning_rate)
        assert first.train_loss == pytest.approx(second.train_loss, abs=1e-4)
    assert len(train(RECIPE, [archive], tmp_path).history) == RECIPE.epochs > 2


def test_a_network_trained_in_half_precision_is_returned_in_float32(archive: FeatureArchive, tmp_path: Path) -> None:
    half = train(replace(RECIPE, epochs=2), [archive], tmp_path / "half", precision="mixed_bfloat16")
    whole = train(replace(RECIPE, epochs=2), [archive], tmp_path / "whole")
    assert {layer.compute_dtype for layer in half.network.layers} == {"float32"}
    assert keras.mixed_precision.global_policy().name == "float32"
    assert half.history[-1].train_loss == pytest.approx(whole.history[-1].train_loss, rel=0.2)
    assert half.history[-1].train_loss != whole.history[-1].train_loss


def test_the_state_of_another_recipe_is_refused(archive: FeatureArchive, tmp_path: Path) -> None:
    train(replace(RECIPE, epochs=2), [archive], tmp_path)
    with pytest.raises(DatasetError, match="holds a run of another recipe"):
        train(replace(RECIPE, epochs=2, seed=9), [archive], tmp_path)


def test_a_student_learns_from_its_teacher_alone_when_told_so(archive: FeatureArchive, tmp_path: Path) -> None:
    undecided = build_network(RECIPE.architecture, TINY, 4, RECIPE.options)
    weights = undecided.get_weights()
    undecided.set_weights([*weights[:-2], 0 * weights[-2], 0 * weights[-1]])
    recipe = replace(RECIPE, teacher_share=1.0)
    heard = replace(recipe, augmentation=replace(recipe.augmentation, silence_share=0.0))
    student = train(heard, [archive], tmp_path / "heard", [undecided])
    # Four equal posteriors have the entropy ln 4, and no cross-entropy with them is smaller.
    assert student.history[-1].train_loss == pytest.approx(np.log(4), abs=0.06)
    # Of windows in which nobody speaks it learns what they are, whatever the teacher thinks.
    quiet = replace(recipe, augmentation=replace(recipe.augmentation, silence_share=0.5))
    student = train(quiet, [archive], tmp_path / "quiet", [undecided])
    assert student.history[-1].train_loss < np.log(4) - 0.2


def test_a_state_that_an_older_trainer_left_is_refused(archive: FeatureArchive, tmp_path: Path) -> None:
    np.savez(tmp_path / "state.npz", recipe=np.array(RECIPE.fingerprint()), history=np.array("[]"))
    with pytest.raises(DatasetError, match="give a new folder or delete it"):
        train(RECIPE, [archive], tmp_path)


def test_training_can_start_from_a_trained_network_and_from_no_other(
    trained: Trained, archive: FeatureArchive, tmp_path: Path
) -> None:
    gentle = replace(RECIPE, epochs=1, warmup_epochs=0, learning_rate=1e-6)
    begun = train(gentle, [archive], tmp_path / "a", start=trained.network)
    assert begun.best.val_accuracy == pytest.approx(trained.best.val_accuracy, abs=0.05)
    with pytest.raises(ConfigError, match="another network"):
        train(replace(gentle, options={"channels": (8, 16)}), [archive], tmp_path / "b", start=trained.network)


def test_the_learning_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    schedule = WarmupCosine(peak=2.0, warmup=10, total=110)
    at = [float(schedule(step)) for step in (0, 4, 9, 10, 60, 110)]
    np.testing.assert_allclose(at, [0.2, 1.0, 2.0, 2.0, 1.0, 0.0], atol=1e-6)


def test_the_average_of_weights_is_exponential_after_a_short_start() -> None:
    weight = keras.Variable([1.0])
    average = Average([weight], momentum=0.5)
    for step, value in enumerate((1.0, 3.0, 5.0)):
        weight.assign([value])
        average.update(step)
    # momenta 1/10, 2/11 and 3/12: 1 -> 1 + 9/11 * 2 -> 2.636 + 3/4 * (5 - 2.636)
    assert float(average.values[0][0]) == pytest.approx(4.4090909, abs=1e-5)
    average.swap()
    assert float(weight[0]) == pytest.approx(4.4090909, abs=1e-5)
    average.swap()
    assert float(weight[0]) == 5.0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_gives_posteriors_that_sum_to_one(architecture: str) -> None:
    network = build_network(architecture, SPEECH, 12)
    mfcc = np.random.default_rng(1).normal(0, 20, (2, SPEECH.n_frames, SPEECH.n_mfcc)).astype(np.float32)
    posteriors = np.asarray(network(mfcc, training=False))
    assert posteriors.shape == (2, 12)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)
    assert ARCHITECTURES[architecture].__module__.rpartition(".")[2] == architecture


def test_a_channel_says_where_in_the_spectrum_each_point_lies() -> None:
    picture = np.random.default_rng(1).normal(size=(2, 4, 5, 1)).astype(np.float32)
    seen = np.asarray(BandPlace()(picture))
    np.testing.assert_array_equal(seen[..., :1], picture)
    np.testing.assert_allclose(seen[..., 1], np.broadcast_to([-1, -0.5, 0, 0.5, 1], (2, 4, 5)))


def test_the_founding_network_has_the_papers_34828_parameters() -> None:
    # 44 x 13 MFCC and 12 labels, counted layer by layer: see the founding experiment
    assert build_network("paper_cnn", PAPER, 12).count_params() == 34_828


def test_the_small_model_has_at_most_30000_parameters() -> None:
    recipe = load_recipe("commands-12-small")
    assert build_network(recipe.architecture, SPEECH, 12, recipe.options).count_params() <= 30_000


def test_every_shipped_recipe_builds_its_network() -> None:
    for name in shipped_recipes():
        recipe = load_recipe(name)
        build_network(recipe.architecture, SPEECH, len(recipe.keywords) + 2, recipe.options)


def test_the_first_layers_undo_the_cosine_transform() -> None:
    network = build_network("tc_resnet", SPEECH, 12)
    picture = keras.Model(network.input, network.get_layer("picture").output)
    decibels = np.random.default_rng(2).normal(-30, 20, (1, SPEECH.n_frames, SPEECH.n_mels)).astype(np.float32)
    seen = np.asarray(picture(decibels @ dct_matrix(40, 40).T))
    np.testing.assert_allclose(seen, (decibels - MEAN_DB) / SCALE_DB, atol=2e-5)


def test_an_unknown_architecture_or_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="no architecture 'lstm'; there are: paper_cnn"):
        build_network("lstm", SPEECH, 12)
    with pytest.raises(ConfigError, match=r"no such option.*width"):
        build_network("tc_resnet", SPEECH, 12, {"width": 3})


def test_litert_files_equal_keras_and_the_folder_opens(
    trained: Trained, archive: FeatureArchive, tmp_path: Path
) -> None:
    mfcc = archive.mfcc(archive.rows("val"))
    export_model(trained.network, tmp_path, "mine", "a test", KEYWORDS, TINY, archive.mfcc(archive.rows("train")))
    reference = np.asarray(trained.network.predict_on_batch(mfcc))
    model = load_model(tmp_path)  # checks the card and every file's SHA-256
    assert model.card.labels == ("yes", "no", "_unknown_", "_silence_")
    saved = np.asarray(load_network(tmp_path)(mfcc))
    np.testing.assert_allclose(saved, reference, atol=1e-5)
    exact = litert_posteriors((tmp_path / FLOAT_NAME).read_bytes(), mfcc)
    np.testing.assert_allclose(exact, reference, atol=1e-4)
    live = np.array([model.scorer().score(window).posteriors for window in mfcc])
    assert (live.argmax(axis=1) == reference.argmax(axis=1)).mean() >= 0.95
    np.testing.assert_allclose(live.sum(axis=1), 1, atol=1e-5)
    assert not np.array_equal(live, exact)  # the live file has 8-bit convolutions
    assert (tmp_path / LITERT_NAME).stat().st_size < 0.6 * (tmp_path / FLOAT_NAME).stat().st_size


def test_a_network_that_8_bits_do_not_suit_runs_live_in_float32(
    trained: Trained, archive: FeatureArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LEAST_AGREEMENT", 1.01)
    export_model(trained.network, tmp_path, "mine", "a test", KEYWORDS, TINY, archive.mfcc(archive.rows("train")))
    assert (tmp_path / LITERT_NAME).read_bytes() == (tmp_path / FLOAT_NAME).read_bytes()


def test_biases_move_unknown_and_silence_and_nothing_else(trained: Trained, archive: FeatureArchive) -> None:
    network = keras.models.clone_model(trained.network)
    network.set_weights(trained.network.get_weights())
    mfcc = archive.mfcc(archive.rows("val"))
    before = np.log(np.asarray(network.predict_on_batch(mfcc)))
    add_biases(network, -0.3, 1.9)
    moved = np.log(np.asarray(network.predict_on_batch(mfcc))) - before
    expected = np.broadcast_to([0, 0, -0.3, 1.9], moved.shape)
    np.testing.assert_allclose(moved - moved[:, :1], expected, atol=2e-3)


def test_the_command_trains_and_writes_a_model_with_its_report(archive: FeatureArchive, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'name = "mine"\ndescription = "a test"\narchitecture = "tc_resnet"\nkeywords = ["yes", "no"]\n'
        "epochs = 2\nwarmup_epochs = 1\nbatch_size = 16\nnotes = '## Tried'\n[options]\nchannels = [8, 12]\n"
    )
    out = tmp_path / "model"
    assert main(["train", "--recipe", str(recipe), "--features", str(archive.folder), "--out", str(out)]) == 0
    figures = load_model(out).card.figures
    assert set(figures["validation"]) == {"right", "keywords_right", "unknown_fired", "silence_fired"}
    report = (out / "report.md").read_text()
    assert "| validation | 40 |" in report
    assert "## Tried" in report
    assert str(tmp_path) not in report
    assert {path.name for path in out.glob("*.png")} == {"learning_curves.png", "confusion.png", "det.png"}


def test_the_report_counts_what_fires_and_what_is_missed() -> None:
    posteriors = np.array(
        [
            [0.9, 0.1, 0.0, 0.0],  # yes, told
            [0.6, 0.3, 0.1, 0.0],  # no, taken for yes
            [0.4, 0.0, 0.6, 0.0],  # unknown, quiet
            [0.0, 0.8, 0.2, 0.0],  # unknown, fires
            [0.0, 0.0, 0.1, 0.9],  # silence, quiet
        ],
        dtype=np.float32,
    )
    scored = Scored("hand", ("yes", "no", "_unknown_", "_silence_"), posteriors, np.array([0, 1, 2, 2, 3]))
    assert scored.figures() == {"right": 0.6, "keywords_right": 0.5, "unknown_fired": 0.5, "silence_fired": 0.0}
    fired, missed = scored.trade_off(np.array([0.3, 0.7, 0.85]))
    # of three negatives two reach 0.3, one 0.7, none 0.85; the wrong word is missed at every threshold
    np.testing.assert_allclose(fired, [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(missed, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(scored.confusion()[2], [0, 1, 1, 0])
