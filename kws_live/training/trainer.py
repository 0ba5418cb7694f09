"""Trains a recipe's network, resumable at any moment.

The loop is Keras 3 alone, so any backend runs it. Batches come from worker processes and are pure functions of
their number, and everything else that changes lies in one file, replaced after each epoch and every few minutes within
one: a killed run goes on from there and ends with the same weights as one that was never stopped.

References
----------
I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine) and
"Decoupled weight decay regularization", ICLR 2019 (AdamW). G. Hinton, O. Vinyals, J. Dean, "Distilling the
knowledge in a neural network", arXiv:1503.02531, 2015.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from kws_live.errors import ConfigError, DatasetError
from kws_live.model.features import Features
from kws_live.system.saving import replacing
from kws_live.training.architectures import build_network
from kws_live.training.batches import BatchMaker, augmenter_of
from kws_live.training.clips import Clips, Floats
from kws_live.training.dataset import FeatureArchive
from kws_live.training.recipe import Recipe
from kws_live.training.weight_average import Average

STATE_NAME: Final = "state.npz"

SAVE_SECONDS: Final = 300.0
"""What a kill costs at most; writing the state takes less than a second."""


@dataclass(frozen=True)
class EpochFigures:
    """One row of the learning curve; the validation figures are of the averaged weights."""

    epoch: int
    learning_rate: float
    train_loss: float
    val_loss: float
    val_accuracy: float
    val_balanced_accuracy: float
    seconds: float = 0.0


@dataclass
class Reached:
    """How far a run has come: its whole epochs, and of the one begun the steps, with their losses' sum and time."""

    history: list[EpochFigures] = field(default_factory=list)
    steps: int = 0
    losses: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run gives: the network with its best weights, and the learning curve."""

    network: keras.Model
    history: tuple[EpochFigures, ...]

    @property
    def best(self) -> EpochFigures:
        """The epoch whose weights the network has."""
        return min(self.history, key=_rank)


def _rank(figures: EpochFigures) -> float:
    """The rule for the best epoch: lowest loss in validation; recalls of good epochs differ by chance."""
    return figures.val_loss


@dataclass(frozen=True, eq=False)
class Validation:
    """Validation windows as they are, without augmentation."""

    mfcc: Features
    label: NDArray[np.intp]

    @classmethod
    def of(cls, archives: Sequence[FeatureArchive], keywords: Sequence[str]) -> "Validation":
        """Every validation clip; background noise is silence, any other word is unknown."""
        clips = Clips.of_set(archives, keywords, "val")
        mfcc = [a.mfcc(clips.row[clips.archive == i]) for i, a in enumerate(archives)]
        return cls(np.concatenate(mfcc), np.where(clips.is_noise, len(keywords) + 1, clips.label))

    def figures(self, network: keras.Model, n_labels: int) -> tuple[float, float, float]:
        """Loss, accuracy, and mean recall over the labels that occur.

        The loss is the mean of the cross-entropies of keywords, unknown and silence, however many of each there are. Of
        the latter two it does not ask which is which: either is rejected.
        """
        chunks = [network.predict_on_batch(self.mfcc[i : i + 1024]) for i in range(0, len(self.mfcc), 1024)]
        posteriors = np.concatenate([np.asarray(chunk) for chunk in chunks])
        right = posteriors.argmax(axis=1) == self.label
        kind = np.maximum(self.label - (n_labels - 3), 0)
        given = np.where(kind == 0, posteriors[np.arange(len(right)), self.label], posteriors[:, -2:].sum(axis=1))
        losses = -np.log(np.maximum(given, 1e-7))
        loss = np.mean([losses[kind == i].mean() for i in range(3) if (kind == i).any()])
        recalls = [right[self.label == i].mean() for i in range(n_labels) if (self.label == i).any()]
        return float(loss), float(right.mean()), float(np.mean(recalls))


def train(
    recipe: Recipe,
    archives: Sequence[FeatureArchive],
    work: Path,
    teachers: Sequence[keras.Model] = (),
    start: keras.Model | None = None,
    workers: int = 1,
    on_step: Callable[[int, int, float], None] = lambda *_: None,
    on_epoch: Callable[[EpochFigures], None] = lambda _: None,
    save_seconds: float = SAVE_SECONDS,
    precision: str = "float32",
) -> Trained:
    """Train a recipe, or go on with what ``work`` holds of it.

    Parameters
    ----------
    archives : feature archives with one front end
    work : Path
        Folder for the state of the run; kept, so that a finished run is not trained again.
    teachers : networks whose mean posteriors become a share of each label
    start : a network of the same architecture to begin with; without it weights are drawn at random
    workers : processes that make batches
    on_step : called with steps done, steps in all, loss so far in this epoch
    on_epoch : called with the figures of each epoch
    save_seconds : between two states of the run within an epoch
    precision : "float32", or "mixed_bfloat16": half precision but for weights, first and last layer, for accelerators;
        the network that is returned has float32 throughout

    Raises
    ------
    DatasetError
        If the archives lack a keyword, or ``work`` belongs to another recipe.
    """
    keras.utils.set_random_seed(recipe.seed)
    n_labels = len(recipe.keywords) + 2
    validation = Validation.of(archives, recipe.keywords)
    augmenter = augmenter_of(archives, recipe)
    with _precision(precision):
        network = build_network(recipe.architecture, archives[0].settings, n_labels, recipe.options)
    if start is not None:
        begin_with(network, start)
    steps = augmenter.n_batches
    optimizer = _compile(network, recipe, steps)
    average = Average(network.weights, recipe.average)
    state = RunState(work / STATE_NAME, recipe, [*network.variables, *optimizer.variables, *average.values])
    reached = state.load()
    with BatchMaker([archive.folder for archive in archives], recipe, workers) as maker:
        done = len(reached.history) * steps + reached.steps
        batches = maker.batches(divmod(step, steps) for step in range(done, recipe.n_epochs * steps))
        for epoch in range(len(reached.history), recipe.n_epochs):
            began = saved = time.perf_counter()
            for number in range(reached.steps, steps):
                mfcc, labels = next(batches)
                if teachers:
                    labels = _softened(labels, mfcc, teachers, recipe.teacher_share)
                result = network.train_on_batch(mfcc, labels)
                network.reset_metrics()
                average.update(epoch * steps + number)
                reached.steps += 1
                reached.losses += float(keras.ops.convert_to_numpy(result))
                if (now := time.perf_counter()) - saved >= save_seconds:
                    state.save(replace(reached, seconds=reached.seconds + now - began))
                    saved = now
                on_step(epoch * steps + number + 1, recipe.n_epochs * steps, reached.losses / reached.steps)
            average.swap()
            loss, accuracy, balanced = validation.figures(network, n_labels)
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            seconds = reached.seconds + time.perf_counter() - began
            figures = EpochFigures(epoch + 1, rate, reached.losses / steps, loss, accuracy, balanced, seconds)
            if all(_rank(figures) < _rank(row) for row in reached.history):
                state.best = [np.array(weight) for weight in network.get_weights()]
            average.swap()
            reached = Reached([*reached.history, figures])
            state.save(reached)
            on_epoch(figures)
    exact = build_network(recipe.architecture, archives[0].settings, n_labels, recipe.options)
    exact.set_weights(state.best)
    return Trained(exact, tuple(reached.history))


@contextmanager
def _precision(name: str) -> Iterator[None]:
    """What is built in the ``with`` block computes in this precision."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def _compile(network: keras.Model, recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Make a network ready for training with an epoch of so many steps; its optimizer."""
    optimizer = keras.optimizers.AdamW(
        WarmupCosine(recipe.learning_rate, recipe.warmup_epochs * steps, recipe.epochs * steps),
        weight_decay=recipe.weight_decay,
        clipnorm=1.0,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(network.trainable_variables)
    # jit: XLA's depthwise convolutions are six times slower than TensorFlow's own on a CPU.
    jit: Any = False if keras.backend.backend() == "tensorflow" else "auto"
    network.compile(optimizer=optimizer, loss="categorical_crossentropy", jit_compile=jit)
    return optimizer


def _softened(labels: Floats, mfcc: Features, teachers: Sequence[keras.Model], share: float) -> Floats:
    """Labels with a share of what the teachers say; shape (batch_size, n_labels)."""
    taught = np.mean([np.asarray(teacher.predict_on_batch(mfcc)) for teacher in teachers], axis=0)
    mixed = (1 - share) * labels + share * taught
    # Where nobody speaks there is no doubt to learn from a teacher, only its mistakes.
    return np.asarray(np.where(labels[:, -1:] == 1, labels, mixed))


def begin_with(network: keras.Model, start: keras.Model) -> None:
    """Copy a trained network's weights.

    Raises
    ------
    ConfigError
        If the networks differ in their weights' shapes.
    """
    if [w.shape for w in network.weights] != [w.shape for w in start.weights]:
        raise ConfigError("the model to start from has another network; use the recipe's architecture and options")
    network.set_weights(start.get_weights())


@keras.saving.register_keras_serializable("kws_live")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # keras ships no types
    """Linear rise over ``warmup`` steps, then half a cosine down to zero at ``total`` steps."""

    def __init__(self, peak: float, warmup: int, total: int) -> None:
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step: Any) -> Any:
        step = keras.ops.cast(step, "float32")
        rise = (step + 1) / max(self.warmup, 1)
        fall = 0.5 * (1 + keras.ops.cos(math.pi * (step - self.warmup) / max(self.total - self.warmup, 1)))
        return self.peak * keras.ops.where(step < self.warmup, rise, fall)

    def get_config(self) -> dict[str, float]:
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


class RunState:
    """Everything a run needs to go on, in one file that is replaced whole."""

    def __init__(self, path: Path, recipe: Recipe, variables: list[Any]) -> None:
        self.path = path
        self.variables = variables
        self.best: list[NDArray[Any]] = []
        self._recipe = recipe.fingerprint()

    def load(self) -> Reached:
        """Restore the variables; returns how far the run has come."""
        if not self.path.exists():
            return Reached()
        with np.load(self.path, allow_pickle=False) as stored:
            if "reached" not in stored or str(stored["recipe"]) != self._recipe:
                raise DatasetError(f"{self.path.parent} holds another recipe's run; name a new folder or delete it")
            for i, variable in enumerate(self.variables):
                variable.assign(stored[f"variable_{i}"])
            n_best = sum(name.startswith("best_") for name in stored.files)
            self.best = [stored[f"best_{i}"] for i in range(n_best)]
            reached = Reached(**json.loads(str(stored["reached"])))
            return replace(reached, history=[EpochFigures(**row) for row in json.loads(str(stored["history"]))])

    def save(self, reached: Reached) -> None:
        """Put the state in the place of the old one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"variable_{i}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(self.variables)}
        arrays |= {f"best_{i}": value for i, value in enumerate(self.best)}
        texts = asdict(reached)
        texts = {"history": json.dumps(texts.pop("history")), "reached": json.dumps(texts), "recipe": self._recipe}
        arrays |= {name: np.array(text) for name, text in texts.items()}
        with replacing(self.path) as file:
            np.savez(file, allow_pickle=False, **arrays)
