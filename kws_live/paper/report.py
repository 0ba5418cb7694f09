"""The report and the model folder of the original experiment. All their numbers come from the runs."""

import json
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.model.features import PAPER, FeatureExtractor, Features
from kws_live.paper.data import PAPER_WORDS, librosa_second
from kws_live.paper.experiment import PAPER_RUNS, SHIFT_SECONDS, Experiment
from kws_live.paper.pictures import draw_curves, draw_word
from kws_live.system.saving import write_file
from kws_live.training.dataset import FeatureArchive

N_PREDICTIONS: Final = 15
N_COMPARED: Final = 100
"""Recordings on which librosa's features are compared with the live path's."""
FALSE_SHARE: Final = 0.005
"""Maximum share of the validation clips of other words above a word's threshold."""
COMMAND_RUNS: Final = ("commands-random", "commands-speaker", "shifted-random", "shifted-speaker")
LOWEST_THRESHOLD: Final = 0.5
HIGHEST_THRESHOLD: Final = 0.99


def write_model(experiments: Mapping[str, Experiment], folder: Path, archive: FeatureArchive | None = None) -> None:
    """Write the winner as a model folder.

    With an archive it is the network of the ten command words, split by speaker;
    otherwise the winner of the six runs on recordings.

    Parameters
    ----------
    experiments : result of `kws_live.paper.experiment.repeat_paper`
    folder : Path
    archive : FeatureArchive, optional
        The one given to `repeat_paper`; its other words are used to choose the thresholds.
    """
    from kws_live.training.export import SPEECH_COMMANDS, export_model

    experiment = experiments["recordings-random" if archive is None else "shifted-speaker"]
    word_set, split = experiment.word_set, experiment.split
    network = experiment.network(experiment.winner)
    others = word_set.mfcc[:0]
    if archive is not None:
        rows = np.flatnonzero((archive.sets == "val") & ~np.isin(archive.labels, PAPER_WORDS))
        every = word_set.settings.hop_samples // archive.settings.hop_samples
        others = archive.mfcc(rows, word_set.settings.n_mfcc)[:, ::every]
    mfcc = np.concatenate([word_set.mfcc[split.val], others])
    labels = np.concatenate([word_set.labels[split.val], np.full(len(others), -1)])
    posteriors = np.asarray(network.predict(mfcc, batch_size=512, verbose=0))
    thresholds = choose_thresholds(posteriors, labels, word_set.words)
    fired = np.any(posteriors >= np.array([thresholds[word] for word in word_set.words]), axis=1)
    figures: dict[str, Any] = {
        "settings": {"epochs": experiment.winner.epochs, "batch_size": experiment.winner.batch_size},
        "test_accuracy": {name: round(each.winner.test[1], 4) for name, each in experiments.items()},
        "validation_words_that_fire": round(float(np.mean(fired, where=labels >= 0)), 4),
        "training_seconds": round(experiment.winner.seconds, 1),
    }
    if others.size:
        figures["validation_other_words_that_fire"] = round(float(np.mean(fired, where=labels < 0)), 4)
    export_model(
        network,
        folder,
        name="paper",
        description="The original paper's network of ten words, which has no class for other speech",
        keywords=word_set.words,
        settings=word_set.settings,
        sample=word_set.mfcc[split.train[:300]],
        thresholds=thresholds,
        data=(SPEECH_COMMANDS,),
        figures=figures,
        rejected=(),
    )


def choose_thresholds(posteriors: Features, labels: NDArray[np.intp], words: tuple[str, ...]) -> dict[str, float]:
    """Choose thresholds of 0.5 to 0.99 at which at most `FALSE_SHARE` of the validation clips of other words pass.

    Parameters
    ----------
    posteriors : float32 array, shape (n_clips, n_words)
    labels : int array, shape (n_clips,)
        Position in ``words``; -1 for any other word.
    words : the outputs of the network
    """
    thresholds = {}
    for number, word in enumerate(words):
        limit = float(np.quantile(posteriors[labels != number, number], 1 - FALSE_SHARE))
        thresholds[word] = round(min(max(limit, LOWEST_THRESHOLD), HIGHEST_THRESHOLD), 3)
    return thresholds


def write_report(experiments: Mapping[str, Experiment], data: Path, out: Path, folder: Path) -> None:
    """Write ``report.md`` and its plots.

    Parameters
    ----------
    experiments : result of `kws_live.paper.experiment.repeat_paper`
    data : Path
        The recordings.
    out : Path
        The folder given to `repeat_paper`.
    folder : Path
        The folder of the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = json.loads((out / "features.json").read_text(encoding="utf-8"))
    recordings = experiments["recordings-random"]
    words = recordings.word_set.words
    asked = "kws-live paper --data DATA --out OUT" + (
        " --features FEATURES" if "commands-random" in experiments else ""
    )
    chosen = "" if set(words) == set(PAPER_WORDS) else " (the ten words with the most recordings in DATA)"
    parts = [
        "# The original experiment, repeated",
        f"Generated by `{asked}`.",
        "The paper's network on one second of audio at 22,050 Hz as 44 frames of 13 MFCC: "
        f"{len(source['files']):,} recordings of **{' '.join(words)}**{chosen}; {len(source['skipped'])} were "
        "unusable. Shorter clips are padded with zeros on both sides. Adam with Keras' default rate, sparse "
        "categorical cross-entropy; 10 % of the clips for test, 10 % of the rest for validation; one seeded run per "
        "setting. Loss and accuracy are those of the finished network on each part, without dropout.",
        "## Six settings, split at random as in the paper",
        _table(recordings),
        "![Curves of the six runs](curves_random.png)",
        "## The same, split by speaker",
        "A random split puts the same voices in every part. Here each speaker is in one part only:",
        _table(experiments["recordings-speaker"]),
        "![Curves of the six runs, split by speaker](curves_speaker.png)",
        _gap(experiments),
        f"## The first {N_PREDICTIONS} predictions",
        f"From the test part of the random split, by the run with the best validation accuracy ({_name(recordings)}).",
        _predictions(recordings),
    ]
    draw_curves(recordings.runs, folder / "curves_random.png")
    draw_curves(experiments["recordings-speaker"].runs, folder / "curves_speaker.png")
    if "commands-random" in experiments:
        parts += ["## The paper's ten words", _commands(experiments), "![Curves](curves_commands.png)"]
        draw_curves(
            [experiments[name].winner for name in ("commands-random", "commands-speaker")],
            folder / "curves_commands.png",
        )
    first = next(name for name, label in zip(source["files"], source["labels"], strict=True) if label == len(words) - 1)
    draw_word(words[-1], librosa_second(data / first), folder)
    parts += [
        "## From a word to features",
        *(f"![{name}]({name}.png)" for name in ("waveform", "spectrum", "mel_bank", "mfcc")),
        f"These features are from librosa, those of the live path from numpy; on {N_COMPARED} recordings the two "
        f"differ by at most {_difference(data, source):.1g} (coefficient 0 is in the hundreds).",
        "## Machine",
        _machine(experiments),
    ]
    write_file(folder / "report.md", "\n\n".join(parts) + "\n")


def _name(experiment: Experiment) -> str:
    return f"{experiment.winner.epochs} epochs, batch {experiment.winner.batch_size}"


def _table(experiment: Experiment) -> str:
    lines = [
        "| epochs | batch | train loss | train % | val. loss | val. % | test loss | test % | paper, test % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in experiment.runs:
        cells = [f"{loss:.3f} | {100 * accuracy:.2f}" for loss, accuracy in (run.train, run.val, run.test)]
        paper = PAPER_RUNS.get((run.epochs, run.batch_size))
        lines.append(f"| {run.epochs} | {run.batch_size} | {' | '.join(cells)} | {'' if paper is None else paper} |")
    sizes = ", ".join(f"{rows.size:,} to {use}" for use, rows in _uses(experiment))
    return "\n".join(lines) + f"\n\nClips: {sizes}. Best validation accuracy: {_name(experiment)}."


def _uses(experiment: Experiment) -> list[tuple[str, NDArray[np.intp]]]:
    split = experiment.split
    return [("train", split.train), ("validate", split.val), ("test", split.test)]


def _gap(experiments: Mapping[str, Experiment]) -> str:
    known, new = experiments["recordings-random"], experiments["recordings-speaker"]
    gaps = [100 * (a.test[1] - b.test[1]) for a, b in zip(known.runs, new.runs, strict=True)]
    return (
        "Test accuracy with the random split minus that with the split by speaker: "
        f"{100 * (known.winner.test[1] - new.winner.test[1]):+.2f} points between the winners, {min(gaps):+.2f} to "
        f"{max(gaps):+.2f} between two runs of one setting. Single runs vary from epoch to epoch as the curves show."
    )


def _predictions(experiment: Experiment) -> str:
    rows = experiment.split.test[:N_PREDICTIONS]
    words, network = experiment.word_set.words, experiment.network(experiment.winner)
    posteriors = np.asarray(network.predict(experiment.word_set.mfcc[rows], verbose=0))
    lines = ["| # | spoken | predicted | % | second | % |", "|---|---|---|---|---|---|"]
    for number, (label, row) in enumerate(zip(experiment.word_set.labels[rows], posteriors, strict=True), start=1):
        first, second = np.argsort(-row)[:2]
        heard = words[first] if first == label else f"**{words[first]}**"
        percent = 100 * row
        lines.append(
            f"| {number} | {words[label]} | {heard} | {percent[first]:.2f} | {words[second]} | {percent[second]:.2f} |"
        )
    n_right = int((posteriors.argmax(axis=1) == experiment.word_set.labels[rows]).sum())
    return "\n".join(lines) + f"\n\n{n_right} of {len(rows)} are correct; errors are bold."


def _commands(experiments: Mapping[str, Experiment]) -> str:
    lines = [
        "| trained | split | clips to train | to validate | to test | validation % | test % | paper, test % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in COMMAND_RUNS:
        experiment = experiments[name]
        sizes = " | ".join(f"{rows.size:,}" for _, rows in _uses(experiment))
        how = "shifted" if name.startswith("shifted") else "as above"
        accuracies = f"{100 * experiment.winner.val[1]:.2f} | {100 * experiment.winner.test[1]:.2f}"
        lines.append(f"| {how} | {name.rpartition('-')[2]} | {sizes} | {accuracies} | {max(PAPER_RUNS.values())} |")
    plain, shifted = experiments["commands-speaker"].word_set, experiments["shifted-speaker"].word_set
    front = plain.settings
    return (
        f"The network on **{' '.join(plain.words)}** with the winning setting "
        f"({_name(experiments['recordings-random'])}) from an archive of log-mel spectra: the first {front.n_mfcc} "
        f"coefficients of the default front end ({front.n_frames} frames, bands up to {front.fmax_hz / 1000:g} kHz). "
        f"*Shifted*: every second frame ({shifted.settings.n_frames}, the paper has {PAPER.n_frames}), each clip "
        f"shifted by up to {SHIFT_SECONDS:g} s each time it is used, and a learning rate "
        "with cosine decay to zero. It was added because the plain training did not reach the paper's best figure."
        "\n\n" + "\n".join(lines) + "\n\n"
        "This folder contains the network *shifted, split by speaker*, not the winner of the six runs on "
        "recordings: its words are commands, trained on more voices and at any position in the window, "
        f"and its front end ends at {front.fmax_hz / 1000:g} kHz, so what a microphone picks up above 8 kHz, which "
        "recordings at 16 kHz lack, does not affect it. It has no class for other speech or for noise, so it fires on "
        "them; the default model has both."
    )


def _difference(data: Path, source: dict[str, Any]) -> float:
    extractor = FeatureExtractor(PAPER)
    rows = np.linspace(0, len(source["files"]) - 1, N_COMPARED).astype(int)
    largest = 0.0
    for row in rows:
        live = extractor.mfcc(librosa_second(data / source["files"][row]))
        largest = max(largest, float(np.abs(live - source["mfcc"][row]).max()))
    return largest


def _machine(experiments: Mapping[str, Experiment]) -> str:
    import keras

    lines = [f"| {name} | {sum(run.seconds for run in each.runs):,.0f} |" for name, each in experiments.items()]
    return (
        f"Keras {metadata.version('keras')} on {keras.backend.backend()}, Python {platform.python_version()}, "
        f"{platform.machine()} with {os.cpu_count()} cores, shared with other work.\n\n"
        "| runs | seconds of training |\n|---|---|\n" + "\n".join(lines)
    )
