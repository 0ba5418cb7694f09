"""The experiment from which this project started, repeated from recordings to figures.

One second of audio at 22,050 Hz, 13 MFCC, a small convolutional network, six settings of (epochs, batch size).
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.model.features import Features
from kws_live.paper.data import (
    SEED,
    Split,
    WordSet,
    archive_words,
    choose_words,
    random_split,
    read_features,
    speaker_split,
    write_features,
)
from kws_live.system.saving import write_file
from kws_live.training.dataset import FeatureArchive, Progress, no_progress

if TYPE_CHECKING:
    import keras

PAPER_RUNS: Final = {
    (5, 128): 66.46,
    (10, 64): 81.61,
    (20, 64): 88.78,
    (30, 64): 91.46,
    (40, 64): 91.65,
    (40, 32): 93.62,
}
"""(epochs, batch size) -> the test accuracy the paper reports, percent."""
SPLITS: Final = {"random": random_split, "speaker": speaker_split}
SHIFT_SECONDS: Final = 0.1
"""Maximum time shift of "shifted" clips, either way (the default of TensorFlow's Speech Commands example)."""

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Shows the progress of a named piece of work."""


@dataclass(frozen=True)
class Run:
    """Result of one training run.

    Attributes
    ----------
    epochs, batch_size : its setting
    seconds : training time
    history : Keras' curves: loss, accuracy, val_loss, val_accuracy, one value per epoch
    train, val, test : (loss, accuracy) of the finished network on each part, without dropout
    """

    epochs: int
    batch_size: int
    seconds: float
    history: dict[str, list[float]]
    train: tuple[float, float]
    val: tuple[float, float]
    test: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Experiment:
    """One word set, one split, and its runs.

    Attributes
    ----------
    word_set, split : what was trained on
    runs : one for each setting
    folder : of the runs' networks
    """

    word_set: WordSet
    split: Split
    runs: list[Run]
    folder: Path

    @property
    def winner(self) -> Run:
        """The best run by validation accuracy, then by validation loss; the test part is not used."""
        return max(self.runs, key=lambda run: (run.val[1], -run.val[0]))

    def network(self, run: Run) -> "keras.Model":
        """Return the network of a run."""
        import keras

        return keras.models.load_model(self.folder / f"{run.epochs}x{run.batch_size}.keras", compile=False)


def repeat_paper(
    data: Path,
    out: Path,
    archive: FeatureArchive | None = None,
    settings: Sequence[tuple[int, int]] = tuple(PAPER_RUNS),
    stage: Stage = lambda _: nullcontext(no_progress),
) -> dict[str, Experiment]:
    """Run the whole experiment; finished runs in ``out`` are not repeated.

    Parameters
    ----------
    data : Path
        Folder of class folders of recordings.
    out : Path
        ``features.json`` and ``runs/`` go here.
    archive : FeatureArchive, optional
        If given, the winning setting is also run on the paper's ten words in it, in two ways.
    settings : (epochs, batch size) of each run
    stage : shows the progress

    Returns
    -------
    dict
        "recordings-random", "recordings-speaker"; with an archive also "commands-random", "commands-speaker" and
        "shifted-random", "shifted-speaker": the same on every second frame, trained with clips shifted in time.

    Raises
    ------
    DatasetError
        If the recordings or the archive cannot be used.
    """
    with stage("making MFCC") as on_progress:
        write_features(data, choose_words(data), out / "features.json", on_progress)
    experiments: dict[str, Experiment] = {}
    word_sets = {"recordings": read_features(out / "features.json")}
    if archive is not None:
        word_sets |= {"commands": archive_words(archive), "shifted": archive_words(archive, every=2)}
    for set_name, word_set in word_sets.items():
        if set_name != "recordings":
            winner = experiments["recordings-random"].winner
            settings = ((winner.epochs, winner.batch_size),)
        for split_name, make_split in SPLITS.items():
            name = f"{set_name}-{split_name}"
            with stage(f"training, {name}") as on_progress:
                split, folder = make_split(word_set), out / "runs" / name
                runs = run_settings(word_set, split, settings, folder, on_progress, shifted=set_name == "shifted")
            experiments[name] = Experiment(word_set, split, runs, folder)
    return experiments


def run_settings(
    word_set: WordSet,
    split: Split,
    settings: Sequence[tuple[int, int]],
    folder: Path,
    on_progress: Progress = no_progress,
    shifted: bool = False,
) -> list[Run]:
    """Train the paper's network once per setting; runs of the same data in ``folder`` are not repeated.

    Parameters
    ----------
    word_set : WordSet
    split : Split
    settings : (epochs, batch size) of each run
    folder : Path
        Each run leaves ``40x32.json`` and ``40x32.keras`` here.
    on_progress : called with the number of epochs done and the total
    shifted : shift each clip by up to `SHIFT_SECONDS` each time it is used, and decay the learning rate to zero

    Returns
    -------
    list of Run
        In the order of ``settings``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    total = sum(epochs for epochs, _ in settings)
    done = 0
    digest = data_digest(word_set, split)
    for epochs, batch_size in settings:
        record = folder / f"{epochs}x{batch_size}.json"
        values = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        if values.pop("data", None) == digest:
            runs.append(Run(**{**values, **{part: tuple(values[part]) for part in ("train", "val", "test")}}))
            done += epochs
            on_progress(done, total)
            continue

        def count(epoch: int, before: int = done) -> None:
            on_progress(before + epoch + 1, total)

        run, network = _train(word_set, split, epochs, batch_size, count, shifted)
        done += epochs
        network.save(record.with_suffix(".keras"))
        # Last, because it marks the run as complete.
        write_file(record, json.dumps({"data": digest, **asdict(run)}) + "\n")
        runs.append(run)
    return runs


def data_digest(word_set: WordSet, split: Split) -> str:
    """SHA-256 of what a run is trained and tested on, in hexadecimal digits."""
    digest = hashlib.sha256(" ".join(word_set.words).encode())
    for part in (word_set.mfcc, word_set.labels, split.train, split.val, split.test):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _train(
    word_set: WordSet, split: Split, epochs: int, batch_size: int, on_epoch: Callable[[int], None], shifted: bool
) -> tuple[Run, "keras.Model"]:
    import keras

    from kws_live.training.architectures import build_network

    keras.utils.set_random_seed(SEED)
    network = build_network("paper_cnn", word_set.settings, len(word_set.words))
    parts = {name: (word_set.mfcc[rows], word_set.labels[rows]) for name, rows in vars(split).items()}
    fitted: dict[str, Any] = {"x": parts["train"][0], "y": parts["train"][1], "batch_size": batch_size}
    rate: Any = 0.001  # Keras' default
    if shifted:
        steps = len(split.train) // batch_size
        frames = round(SHIFT_SECONDS * word_set.settings.sample_rate_hz / word_set.settings.hop_samples)
        batches = shifted_batches(*parts["train"], epochs, batch_size, frames)
        fitted = {"x": batches, "steps_per_epoch": steps, "shuffle": False}
        rate = keras.optimizers.schedules.CosineDecay(rate, steps * epochs)
    network.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.monotonic()
    history = network.fit(
        **fitted,
        validation_data=parts["val"],
        epochs=epochs,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: on_epoch(epoch))],
    )
    seconds = time.monotonic() - start

    def score(part: str) -> tuple[float, float]:
        loss, accuracy = network.evaluate(*parts[part], batch_size=512, verbose=0)
        return float(loss), float(accuracy)

    curves = {name: [float(value) for value in values] for name, values in history.history.items()}
    return Run(epochs, batch_size, seconds, curves, score("train"), score("val"), score("test")), network


def shifted_batches(
    mfcc: Features, labels: NDArray[np.intp], epochs: int, batch_size: int, n_frames: int
) -> Iterator[tuple[Features, NDArray[np.intp]]]:
    """Yield the batches of some epochs, each clip shifted by up to ``n_frames``, with its edge frame repeated.

    It is finite, because a reader thread that still holds a batch would crash Python at exit.
    """
    rng = np.random.default_rng(SEED)
    frames = np.arange(mfcc.shape[1])
    for _ in range(epochs):
        order = rng.permutation(len(mfcc))
        for start in range(0, len(mfcc) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size, np.newaxis]
            shifts = rng.integers(-n_frames, n_frames, size=rows.shape, endpoint=True)
            yield mfcc[rows, np.clip(frames - shifts, 0, frames[-1])], labels[rows[:, 0]]
