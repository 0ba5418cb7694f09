"""A whole training run, from feature archives and a recipe to a model folder with its report."""

import csv
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kws_live.audio import SILENCE, UNKNOWN
from kws_live.errors import DatasetError
from kws_live.model import KERAS_NAME
from kws_live.model.card import LITERT_NAME, ModelCard, write_card
from kws_live.model.features import FeatureExtractor, Features, FeatureSettings
from kws_live.model.folders import find_model
from kws_live.training.dataset import ClipInfo, FeatureArchive
from kws_live.training.export import FLOAT_NAME, export_model, litert_posteriors, range_windows
from kws_live.training.fine_tuning import network_from
from kws_live.training.recipe import Recipe
from kws_live.training.recordings import Recording, read_second
from kws_live.training.report import Scored, write_report
from kws_live.training.trainer import EpochFigures, Trained, Validation, train

N_PARITY_WINDOWS = 2000


def train_to_folder(
    recipe: Recipe,
    features: Sequence[Path],
    folder: Path,
    start: Path | None = None,
    jobs: int = 1,
    test: Path | None = None,
    command: str = "",
    on_step: Callable[[int, int, float], None] | None = None,
    on_epoch: Callable[[EpochFigures], None] | None = None,
    precision: str = "float32",
) -> ModelCard:
    """Train a recipe and write its model folder.

    Any backend of Keras can train. The LiteRT converter requires TensorFlow, so with another backend a second
    process writes the folder.

    Parameters
    ----------
    recipe : Recipe
    features : folders of feature archives
    folder : Path
        The model folder; the state of the run is next to it, in ``<folder>.training``.
    start : folder or name of the model with the initial weights
    jobs : number of processes that prepare batches
    test : CSV with the columns path and class; measured for the report only, after all choices are made
    command : the command line, for the report
    on_step, on_epoch, precision : see `kws_live.training.trainer.train`

    Returns
    -------
    ModelCard
        As written, including the figures.
    """
    archives = [FeatureArchive.open(path) for path in features]
    settings = archives[0].settings
    begin = network_from(start, recipe, settings) if start else None
    work = folder.with_name(folder.name + ".training")
    callbacks = {"on_step": on_step, "on_epoch": on_epoch}
    given: dict[str, Any] = {name: callback for name, callback in callbacks.items() if callback}
    trained = train(recipe, archives, work, begin, jobs, precision=precision, **given)
    if keras.backend.backend() != "tensorflow":
        os.environ["KERAS_BACKEND"] = "tensorflow"  # for the new process; in this one Keras is already imported
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as others:  # it will find the run finished
            return others.submit(train_to_folder, recipe, features, folder, start, jobs, test, command).result()
    if recipe.unknown_bias or recipe.silence_bias:
        add_biases(trained.network, recipe.unknown_bias, recipe.silence_bias)

    card = export_model(
        trained.network,
        folder,
        recipe.name,
        recipe.description,
        recipe.keywords,
        settings,
        range_windows(archives),
        data=recipe.data,
    )
    labels = (*recipe.keywords, UNKNOWN, SILENCE)
    validation = Validation.of(archives, recipe.keywords)
    network = (folder / LITERT_NAME).read_bytes()
    scored = [Scored("validation", labels, litert_posteriors(network, validation.mfcc), validation.label)]
    if test is not None:
        mfcc, label = read_test(test, labels, settings)
        scored.append(Scored("test recordings", labels, litert_posteriors(network, mfcc), label))
    figures = {part.name: {name: round(share, 5) for name, share in part.figures().items()} for part in scored}
    parity = _parity(folder, trained.network, validation)
    facts = _facts(recipe, trained, jobs, command, start.name if start else "")
    write_report(folder, recipe.name, facts, scored, trained.history, parity, recipe.notes)
    card_figures = {**figures, "best_epoch": asdict(trained.best), "training": facts}
    return write_card(folder, replace(card, figures=card_figures))


def add_biases(network: keras.Model, unknown: float, silence: float) -> None:
    """Add biases to the last two logits, in the network's last layer."""
    kernel, bias = network.layers[-1].get_weights()
    bias[-2:] += unknown, silence
    network.layers[-1].set_weights([kernel, bias])


def load_network(name_or_path: Path) -> keras.Model:
    """Load the Keras network of a model folder or a shipped model."""
    return keras.models.load_model(find_model(name_or_path) / KERAS_NAME, compile=False)


def read_test(path: Path, labels: Sequence[str], settings: FeatureSettings) -> tuple[Features, Any]:
    """Return the MFCC of the recordings listed in a CSV (path relative to it, class), and the index of each label.

    Raises
    ------
    DatasetError
        If the CSV or a recording cannot be read, or a class is not a label.
    """
    extractor = FeatureExtractor(settings)
    mfcc, label = [], []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["path"], row["class"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read ({error}); it needs the columns path,class") from error
    # Paths are relative to the folder of the CSV.
    for name, kind in rows:
        if kind not in labels:
            raise DatasetError(f"{path}: class {kind!r} is not one of {', '.join(labels)}")
        recording = Recording(ClipInfo(name, kind, "", "test"), path.parent / name)
        mfcc.append(extractor.mfcc(read_second(recording, settings.sample_rate_hz)))
        label.append(labels.index(kind))
    return np.asarray(mfcc, dtype=np.float32), np.array(label, dtype=np.intp)


def _parity(folder: Path, network: keras.Model, validation: Validation) -> dict[str, tuple[float, float, float]]:
    step = max(1, len(validation.label) // N_PARITY_WINDOWS)
    mfcc, label = validation.mfcc[::step], validation.label[::step]
    reference = np.asarray(network.predict_on_batch(mfcc))
    rows = {}
    for name in (FLOAT_NAME, LITERT_NAME):
        content = (folder / name).read_bytes()
        found = litert_posteriors(content, mfcc)
        accuracy = float((found.argmax(axis=1) == label).mean())
        rows[name] = (float(len(content)), float(np.abs(found - reference).max()), accuracy)
    return rows


def _facts(recipe: Recipe, trained: Trained, jobs: int, command: str, start: str) -> dict[str, Any]:
    seconds = sum(row.seconds for row in trained.history)
    return {
        "network": f"{recipe.architecture}, {trained.network.count_params():,} parameters",
        "started from": start or "random weights",
        "epochs": len(trained.history),
        "seconds": round(seconds),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "software": f"Keras {keras.__version__} on {keras.backend.backend()}",
        "processes for batches": jobs,
        "command": f"`{command}`",
    }
