"""Trains the embedding: a network that puts windows of one word near each other, and of any two words apart.

It has the default network's trunk, a dense layer in place of its head, and outputs of length one. A word that it never
heard is then taught from a few takes (`kws_live.enrolment`). Each training word is a class; running speech and silence
are one each. The loss is a softmax of cosines with a margin taken off the right class.

References
----------
H. Wang et al., "CosFace: large margin cosine loss for deep face recognition", CVPR 2018 (the loss; labels may be shared
here, because a window may hold part of a word).
"""

import json
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_LABEL
from kws_live.errors import ConfigError
from kws_live.model.features import Features
from kws_live.system.workers import WorkerPool
from kws_live.training import batches
from kws_live.training.augmentation import Augmenter
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.clips import Clips, Floats, Ints
from kws_live.training.dataset import BACKGROUND, FeatureArchive, SetName

RECIPE: Final = Path(__file__).parent / "embedding.toml"


@dataclass(frozen=True)
class EmbeddingRecipe:
    """How the embedding is trained; explained in ``embedding.toml``, which holds the values in use.

    Attributes
    ----------
    held_out : words of the training data that it must not hear, because it is judged by how they can be taught
    size : length of the embedding
    scale, margin : of the cosines in the softmax
    balance : a word of n clips is drawn n to the power of this often
    steps, batch_size, learning_rate, warmup_steps, weight_decay, average : of the training
    save_every : steps between two saved states
    seed : of everything drawn
    augmentation : see `AugmentationSettings`
    notes : Markdown for the report
    """

    held_out: tuple[str, ...]
    size: int
    scale: float
    margin: float
    balance: float
    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    average: float
    save_every: int
    seed: int
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    notes: str = ""

    def fingerprint(self) -> str:
        """Everything that decides the weights."""
        values = asdict(self)
        for key in ("notes", "save_every"):
            del values[key]
        return json.dumps(values, sort_keys=True)


def load_embedding_recipe(path: Path = RECIPE) -> EmbeddingRecipe:
    """Read a recipe.

    Raises
    ------
    ConfigError
        If it cannot be read or has a missing or unknown value.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        settings: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in raw.pop("augmentation", {}).items()
        }
        raw["held_out"] = tuple(raw["held_out"])
        return EmbeddingRecipe(**raw, augmentation=AugmentationSettings(**settings))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"recipe {path} cannot be used: {error}") from error


def words_of(archives: Sequence[FeatureArchive], held_out: Sequence[str], least: int = 5) -> list[str]:
    """Every word that has enough training clips, without those held out."""
    counts: Counter[str] = Counter()
    for archive in archives:
        counts.update(archive.labels[archive.sets == "train"].tolist())
    refused = {BACKGROUND, SPEECH_LABEL, *held_out}
    return sorted(word for word, n in counts.items() if n >= least and word not in refused)


def hold_out(archive: FeatureArchive, words: Sequence[str]) -> FeatureArchive:
    """The archive without these words: no set has them."""
    return replace(archive, sets=np.where(np.isin(archive.labels, words), "", archive.sets))


@dataclass(frozen=True, eq=False)
class WordAugmenter(Augmenter):
    """Draws words more evenly than their clips are: common words would otherwise be most of every batch."""

    balance: float = 0.5

    @property
    def n_batches(self) -> int:
        """Without end: the recipe says how many steps there are."""
        return 2**31

    def choose_words(self, epoch: int, number: int) -> Ints:
        rng = np.random.default_rng([self.seed, epoch, number, 1])
        label = self.clips.label
        counts = np.bincount(label, minlength=self.n_keywords + 1)[: self.n_keywords].astype(float)
        share = counts**self.balance * (counts > 0)
        chosen = rng.choice(self.n_keywords, self.sizes[0], p=share / share.sum())
        order = np.argsort(label, kind="stable")
        first = np.searchsorted(label[order], chosen)
        return np.asarray(order[first + (rng.random(chosen.size) * counts[chosen]).astype(np.intp)], dtype=np.intp)


def word_augmenter(folders: Sequence[Path], recipe: EmbeddingRecipe) -> WordAugmenter:
    """What makes the training batches."""
    archives = [hold_out(FeatureArchive.open(folder), recipe.held_out) for folder in folders]
    clips = Clips.of_set(archives, words_of(archives, recipe.held_out), "train")
    return WordAugmenter(clips, recipe.augmentation, recipe.batch_size, recipe.seed, recipe.balance)


class WordBatches(batches.BatchMaker):
    """`BatchMaker` for the embedding."""

    def __init__(self, folders: Sequence[Path], recipe: EmbeddingRecipe, workers: int) -> None:
        self._ahead = 2 * workers + 2
        self._pool = WorkerPool(workers, _keep_words, (folders, recipe))


def _keep_words(folders: Sequence[Path], recipe: EmbeddingRecipe) -> None:
    batches._augmenter = word_augmenter(folders, recipe)


def embedding_network(trunk: Any, size: int) -> Any:
    """The default network up to its pooled features, then a dense layer to ``size`` and length one."""
    import keras

    pooled = next(layer for layer in reversed(trunk.layers) if isinstance(layer, keras.layers.Concatenate)).output
    raw = keras.layers.Dense(size, use_bias=False, name="embedding")(pooled)
    centred = keras.layers.BatchNormalization(scale=False, name="centre")(raw)
    return keras.Model(trunk.input, keras.layers.UnitNormalization(name="length_one")(centred), name="embedding")


def train_embedding(
    recipe: EmbeddingRecipe,
    trunk: Any,
    folders: Sequence[Path],
    work: Path,
    on_step: Callable[[int, int, float], None] = lambda *_: None,
) -> Any:
    """Train the embedding, or go on with what ``work`` holds of it; returns the Keras network.

    Parameters
    ----------
    recipe : EmbeddingRecipe
    trunk : the Keras network whose trunk it begins with
    folders : feature archives
    work : Path
        Folder for the state of the run.
    on_step : called with steps done, steps in all, mean loss of late
    """
    import keras

    from kws_live.training.trainer import STATE_NAME, Average, EpochFigures, Reached, RunState, WarmupCosine

    keras.utils.set_random_seed(recipe.seed)
    archives = [hold_out(FeatureArchive.open(folder), recipe.held_out) for folder in folders]
    n_classes = len(words_of(archives, recipe.held_out)) + 2
    embedding = embedding_network(trunk, recipe.size)
    cosines = keras.layers.Dense(
        n_classes, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0), name="classes"
    )(embedding.output)
    network = keras.Model(embedding.input, cosines)

    def loss(shares: Any, found: Any) -> Any:
        logits = recipe.scale * (found - recipe.margin * shares)
        return -keras.ops.mean(keras.ops.sum(shares * keras.ops.log_softmax(logits), axis=-1))

    optimizer = keras.optimizers.AdamW(
        WarmupCosine(recipe.learning_rate, recipe.warmup_steps, recipe.steps),
        weight_decay=recipe.weight_decay,
        clipnorm=1.0,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(network.trainable_variables)
    network.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    average = Average(network.weights, recipe.average)
    state = RunState(work / STATE_NAME, recipe, [*network.variables, *optimizer.variables, *average.values])  # type: ignore[arg-type]  # it asks for the fingerprint alone
    history = state.load().history
    first = len(history) * recipe.save_every
    losses, began = 0.0, time.perf_counter()
    with WordBatches(folders, recipe, 1) as maker:
        for step, (mfcc, shares) in enumerate(maker.batches((0, n) for n in range(first, recipe.steps)), first):
            losses += float(keras.ops.convert_to_numpy(network.train_on_batch(mfcc, shares)))
            network.reset_metrics()
            average.update(step)
            n = step % recipe.save_every + 1
            on_step(step + 1, recipe.steps, losses / n)
            if n == recipe.save_every:
                seconds = time.perf_counter() - began
                history.append(EpochFigures(len(history) + 1, 0.0, losses / n, 0.0, 0.0, 0.0, seconds))
                state.save(Reached(history))
                losses, began = 0.0, time.perf_counter()
    average.swap()
    return embedding


def embed(network: Any, mfcc: Features) -> Floats:
    """Embeddings of many windows by the Keras network, shape (n, size)."""
    parts = [np.asarray(network.predict_on_batch(mfcc[i : i + 512])) for i in range(0, len(mfcc), 512)]
    return np.concatenate(parts)


def rows_of(archive: FeatureArchive, words: Sequence[str], sets: Sequence[SetName]) -> NDArray[np.intp]:
    """Rows of these words in these sets."""
    return np.flatnonzero(np.isin(archive.labels, words) & np.isin(archive.sets, sets))
