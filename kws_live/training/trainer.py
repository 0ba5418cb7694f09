"""Trains a recipe's network; resumable at any moment.

The loop uses only Keras 3, so any backend can run it. Batches come from worker processes and are pure functions of
their number, and all other state is in one file, replaced after each epoch and every few minutes within
one: a killed run resumes from there and ends with the same weights as an uninterrupted one.

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
from kws_live.training.clips import Clips
from kws_live.training.dataset import FeatureArchive
from kws_live.training.recipe import Recipe
from kws_live.training.weight_average import Average

STATE_NAME: Final = "state.npz"

SAVE_SECONDS: Final = 300.0
"""Maximum loss when killed; writing the state takes less than a second."""


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
    """Progress of a run: complete epochs, and steps, sum of losses and time of the current one."""

    history: list[EpochFigures] = field(default_factory=list)
    steps: int = 0
    losses: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Trained:
    """Result of a run: the network with its best weights, and the learning curve."""

    network: keras.Model
    history: tuple[EpochFigures, ...]

    @property
    def best(self) -> EpochFigures:
        """The epoch of the network's weights."""
        return min(self.history, key=_rank)


def _rank(figures: EpochFigures) -> float:
    """Criterion for the best epoch: lowest validation loss, since recalls of good epochs differ by chance."""
    return figures.val_loss


@dataclass(frozen=True, eq=False)
class Validation:
    """Validation windows, without augmentation."""

    mfcc: Features
    label: NDArray[np.intp]

    @classmethod
    def of(cls, archives: Sequence[FeatureArchive], keywords: Sequence[str]) -> "Validation":
        """Return every validation clip; background noise counts as silence, any other word as unknown."""
        clips = Clips.of_set(archives, keywords, "val")
        mfcc = [a.mfcc(clips.row[clips.archive == i]) for i, a in enumerate(archives)]
        return cls(np.concatenate(mfcc), np.where(clips.is_noise, len(keywords) + 1, clips.label))

    def figures(self, network: keras.Model, n_labels: int) -> tuple[float, float, float]:
        """Return loss, accuracy, and mean recall over the labels that occur.

        The loss is the mean of the cross-entropies of keywords, unknown and silence, whatever their numbers. Confusion
        between the latter two does not count: both are rejected.
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
    start: keras.Model | None = None,
    workers: int = 1,
    on_step: Callable[[int, int, float], None] = lambda *_: None,
    on_epoch: Callable[[EpochFigures], None] = lambda _: None,
    save_seconds: float = SAVE_SECONDS,
    precision: str = "float32",
) -> Trained:
    """Train a recipe, or resume the run in ``work``.

    Parameters
    ----------
    archives : feature archives with the same front end
    work : Path
        Folder for the state of the run; kept, so that a finished run is not trained again.
    start : a network of the same architecture with the initial weights; None: random weights
    workers : number of processes that prepare batches
    on_step : called with steps done, total steps, and mean loss so far in this epoch
    on_epoch : called with the figures of each epoch
    save_seconds : interval between saves within an epoch
    precision : "float32", or "mixed_bfloat16": half precision except weights, first and last layer, for accelerators;
        the returned network is float32 throughout

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
        batches = maker.batches(divmod(step, steps) for step in range(done, recipe.epochs * steps))
        for epoch in range(len(reached.history), recipe.epochs):
            began = saved = time.perf_counter()
            for number in range(reached.steps, steps):
                mfcc, labels = next(batches)
                result = network.train_on_batch(mfcc, labels)
                network.reset_metrics()
                average.update(epoch * steps + number)
                reached.steps += 1
                reached.losses += float(keras.ops.convert_to_numpy(result))
                if (now := time.perf_counter()) - saved >= save_seconds:
                    state.save(replace(reached, seconds=reached.seconds + now - began))
                    saved = now
                on_step(epoch * steps + number + 1, recipe.epochs * steps, reached.losses / reached.steps)
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
    """Set the precision of networks built in the ``with`` block."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def _compile(network: keras.Model, recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Compile a network for epochs of ``steps`` steps; returns its optimizer."""
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


def begin_with(network: keras.Model, start: keras.Model) -> None:
    """Copy a trained network's weights.

    Raises
    ------
    ConfigError
        If the networks differ in their weights' shapes.
    """
    if [w.shape for w in network.weights] != [w.shape for w in start.weights]:
        raise ConfigError("the model to start from has a different network; use the recipe's architecture and options")
    network.set_weights(start.get_weights())


@keras.saving.register_keras_serializable("kws_live")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # keras ships no types
    """Linear increase over ``warmup`` steps, then cosine decay to zero at ``total`` steps."""

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
    """Everything a run needs to resume, in one file that is replaced atomically."""

    def __init__(self, path: Path, recipe: Recipe, variables: list[Any]) -> None:
        self.path = path
        self.variables = variables
        self.best: list[NDArray[Any]] = []
        self._recipe = recipe.fingerprint()

    def load(self) -> Reached:
        """Restore the variables; returns the progress of the run."""
        if not self.path.exists():
            return Reached()
        with np.load(self.path, allow_pickle=False) as stored:
            if "reached" not in stored or str(stored["recipe"]) != self._recipe:
                raise DatasetError(f"{self.path.parent} holds a run of another recipe; give a new folder or delete it")
            for i, variable in enumerate(self.variables):
                variable.assign(stored[f"variable_{i}"])
            n_best = sum(name.startswith("best_") for name in stored.files)
            self.best = [stored[f"best_{i}"] for i in range(n_best)]
            reached = Reached(**json.loads(str(stored["reached"])))
            return replace(reached, history=[EpochFigures(**row) for row in json.loads(str(stored["history"]))])

    def save(self, reached: Reached) -> None:
        """Replace the saved state."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"variable_{i}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(self.variables)}
        arrays |= {f"best_{i}": value for i, value in enumerate(self.best)}
        texts = asdict(reached)
        texts = {"history": json.dumps(texts.pop("history")), "reached": json.dumps(texts), "recipe": self._recipe}
        arrays |= {name: np.array(text) for name, text in texts.items()}
        with replacing(self.path) as file:
            np.savez(file, allow_pickle=False, **arrays)
