"""Repeat the experiment from which this project started, from recordings to a report.

  kws-live paper --data datasets/speech_commands_v0.02 --out runs/paper --features features

DATA has a folder of recordings for each word. The paper's ten words are used if each has at least 100 recordings,
otherwise the ten words with the most. OUT gets features.json, runs/ and model/ with the report. With
--features, the winning setting is also trained on the paper's ten words of a feature archive (kws-live prepare), and
that network becomes the model. Finished runs are not repeated.
"""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="one folder of recordings per word")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--features", type=Path, metavar="DIR", help="a feature archive with the paper's ten words")


def run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up messages

    from kws_live.errors import ConfigError

    if missing := [package for package in ("keras", "librosa", "matplotlib") if find_spec(package) is None]:
        raise ConfigError(f'paper needs {" and ".join(missing)}: pip install "kws-live[train]"')

    from kws_live.cli.progress import progress
    from kws_live.paper.experiment import repeat_paper
    from kws_live.paper.report import write_model, write_report
    from kws_live.training.dataset import FeatureArchive

    archive = FeatureArchive.open(arguments.features) if arguments.features else None
    experiments = repeat_paper(arguments.data, arguments.out, archive, stage=progress)
    folder = arguments.out / "model"
    write_model(experiments, folder, archive)
    write_report(experiments, arguments.data, arguments.out, folder)
    for name, experiment in experiments.items():
        best = experiment.winner
        print(f"{name:<18} best by validation {best.epochs} x {best.batch_size}: test {100 * best.test[1]:.2f} %")
    print(f"report: {folder / 'report.md'}")
    return 0
