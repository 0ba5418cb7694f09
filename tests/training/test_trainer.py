"""The training loop, and the export of what it trained."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kws_live.cli import main
from kws_live.errors import ConfigError, DatasetError
from kws_live.model import load_model
from kws_live.model.card import LITERT_NAME
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.dataset import FeatureArchive
from kws_live.training.recipe import Recipe
from tests.training.small_archives import KEYWORDS, TINY, write_words

if TYPE_CHECKING:  # else every process that collects tests would import Keras
    from kws_live.training.trainer import Trained

# Keras converts its own variables in a way that numpy 2 has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # the first test imports TensorFlow, on cores that others use too
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

PLAIN = replace(RECIPE, options={"channels": (16,), "kernel": 5})
"""One convolution, which is built in a third of the time."""


def train(recipe: Recipe, archives: list[FeatureArchive], work: Path, **options: Any) -> "Trained":
    from kws_live.training import trainer

    return trainer.train(recipe, archives, work, **options)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> FeatureArchive:
    return write_words(tmp_path_factory.mktemp("features") / "words")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the state of the run lies that made `trained`."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def trained(archive: FeatureArchive, run_folder: Path) -> "Trained":
    return train(RECIPE, [archive], run_folder)


def test_training_learns_the_words(trained: "Trained") -> None:
    assert trained.best.val_accuracy > 0.9
    assert trained.history[-1].train_loss < trained.history[0].train_loss
    assert [row.epoch for row in trained.history] == list(range(1, 9))


def test_the_network_has_the_weights_of_the_best_epoch(trained: "Trained", archive: FeatureArchive) -> None:
    from kws_live.training.trainer import Validation

    loss, accuracy, balanced = Validation.of([archive], KEYWORDS).figures(trained.network, 4)
    assert loss == pytest.approx(trained.best.val_loss, abs=1e-5)
    assert (accuracy, balanced) == (trained.best.val_accuracy, trained.best.val_balanced_accuracy)
    assert balanced == max(row.val_balanced_accuracy for row in trained.history)


class Decided:
    """A network whose posteriors are its input."""

    def predict_on_batch(self, posteriors: np.ndarray) -> np.ndarray:
        return posteriors


def test_the_loss_weighs_words_and_what_is_rejected_alike_and_asks_not_how_it_is_rejected() -> None:
    from kws_live.training.trainer import Validation

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


def test_a_run_that_is_killed_goes_on_to_the_same_end(
    trained: "Trained", archive: FeatureArchive, tmp_path: Path
) -> None:
    def run(kill_at: int, save_seconds: float) -> list[int]:
        steps: list[int] = []

        def step(done: int, total: int, loss: float) -> None:
            steps.append(done)
            if done == kill_at:
                raise Killed

        with pytest.raises(Killed):
            train(RECIPE, [archive], tmp_path, on_step=step, save_seconds=save_seconds)
        return steps

    run(kill_at=13, save_seconds=1e9)
    (tmp_path / "state.partial.npz").write_bytes(b"half a file: killed while it was written")
    # From the last whole epoch, not from the start; from the very next step where each was saved.
    assert run(kill_at=31, save_seconds=0.0)[0] in range(2, 14)
    steps: list[int] = []
    resumed = train(RECIPE, [archive], tmp_path, on_step=lambda done, total, loss: steps.append(done))
    assert steps[0] == 32
    for first, second in zip(trained.history, resumed.history, strict=True):
        assert second.val_loss == pytest.approx(first.val_loss, abs=1e-4)
        assert second.train_loss == pytest.approx(first.train_loss, abs=1e-4)
    for mine, other in zip(resumed.network.get_weights(), trained.network.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-3)


def test_a_finished_run_is_not_trained_again(trained: "Trained", archive: FeatureArchive, run_folder: Path) -> None:
    again = train(RECIPE, [archive], run_folder, on_step=lambda *_: pytest.fail("a step was made"))
    assert again.history == trained.history
    np.testing.assert_array_equal(again.network.get_weights()[0], trained.network.get_weights()[0])


def test_a_network_trained_in_half_precision_is_returned_in_float32(archive: FeatureArchive, tmp_path: Path) -> None:
    import keras

    short = replace(PLAIN, epochs=2)
    whole = train(short, [archive], tmp_path / "whole")
    half = train(short, [archive], tmp_path / "half", precision="mixed_bfloat16")
    assert {layer.compute_dtype for layer in half.network.layers} == {"float32"}
    assert keras.mixed_precision.global_policy().name == "float32"
    assert half.history[-1].train_loss == pytest.approx(whole.history[-1].train_loss, rel=0.2)
    assert half.history[-1].train_loss != whole.history[-1].train_loss


@pytest.mark.usefixtures("trained")
def test_the_state_of_another_recipe_is_refused(archive: FeatureArchive, run_folder: Path) -> None:
    with pytest.raises(DatasetError, match="holds a run of another recipe"):
        train(replace(RECIPE, seed=9), [archive], run_folder)


def test_a_state_that_an_older_trainer_left_is_refused(archive: FeatureArchive, tmp_path: Path) -> None:
    np.savez(tmp_path / "state.npz", recipe=np.array(RECIPE.fingerprint()), history=np.array("[]"))
    with pytest.raises(DatasetError, match="give a new folder or delete it"):
        train(RECIPE, [archive], tmp_path)


def test_training_can_start_from_a_trained_network_and_from_no_other(
    trained: "Trained", archive: FeatureArchive, tmp_path: Path
) -> None:
    gentle = replace(RECIPE, epochs=1, warmup_epochs=0, learning_rate=1e-6)
    begun = train(gentle, [archive], tmp_path / "a", start=trained.network)
    assert begun.best.val_accuracy == pytest.approx(trained.best.val_accuracy, abs=0.05)
    with pytest.raises(ConfigError, match="a different network"):
        train(replace(gentle, options={"channels": (8, 16)}), [archive], tmp_path / "b", start=trained.network)


def test_the_learning_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    from kws_live.training.trainer import WarmupCosine

    schedule = WarmupCosine(peak=2.0, warmup=10, total=110)
    at = [float(schedule(step)) for step in (0, 4, 9, 10, 60, 110)]
    np.testing.assert_allclose(at, [0.2, 1.0, 2.0, 2.0, 1.0, 0.0], atol=1e-6)


def test_the_average_of_weights_is_exponential_after_a_short_start() -> None:
    import keras

    from kws_live.training.weight_average import Average

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


def test_litert_files_equal_keras_and_the_folder_opens(
    trained: "Trained", archive: FeatureArchive, tmp_path: Path
) -> None:
    from kws_live.training.export import FLOAT_NAME, export_model, litert_posteriors
    from kws_live.training.training_run import load_network

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


def test_biases_move_unknown_and_silence_and_nothing_else(trained: "Trained", archive: FeatureArchive) -> None:
    import keras

    from kws_live.training.training_run import add_biases

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
        "epochs = 2\nwarmup_epochs = 1\nbatch_size = 16\nnotes = '## Tried'\n[options]\nchannels = [8]\n"
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
