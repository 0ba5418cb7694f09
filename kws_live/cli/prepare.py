"""Turn recordings into features for training.

  kws-live prepare datasets/speech_commands_v0.02 --out features
  kws-live prepare my_words.csv --out features
  kws-live prepare log_mel_images.zip --out features

DATA is a folder with a folder of recordings (wav, flac, ogg; any rate) for each word, optionally with
_background_noise_ and Speech Commands' lists of validation and test clips; or a CSV file with the columns path,label
and optionally speaker,set; or a zip archive of log-mel images. Without lists or a set column, each speaker is assigned
to one set as a whole, so that no voice is in two sets. An interrupted run resumes.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder, CSV file or zip archive")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the feature archive to create, a new folder"
    )
    parser.add_argument(
        "--features",
        choices=("speech", "paper"),
        default="speech",
        help="the default model's front end, or the original paper's (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="number of processes (default: one per core)")


def run(arguments: argparse.Namespace) -> int:
    from kws_live.errors import ConfigError

    packages = {"librosa": "librosa", "PIL": "pillow"}
    if missing := [name for module, name in packages.items() if find_spec(module) is None]:
        raise ConfigError(f'prepare needs {" and ".join(missing)}: pip install "kws-live[train]"')

    from kws_live.cli.progress import progress
    from kws_live.model.features import PAPER, SPEECH
    from kws_live.training.corpora.image_archive import import_images
    from kws_live.training.preparation import prepare

    if arguments.jobs is not None and arguments.jobs < 1:
        raise ConfigError(f"--jobs {arguments.jobs} must be at least 1")
    if arguments.data.suffix.lower() == ".zip":
        if arguments.features != "speech":
            raise ConfigError(f"{arguments.data} contains log-mel spectra, which need --features speech")
        with progress("reading images") as on_progress:
            n_clips = import_images(arguments.data, arguments.out, on_progress)
        print(f"{n_clips:,} clips in {arguments.out}")
        return 0
    settings = {"speech": SPEECH, "paper": PAPER}[arguments.features]
    with progress("making features") as on_progress:
        result = prepare(arguments.data, arguments.out, settings, arguments.jobs, on_progress)
    for label, count in result.counts.items():
        print(f"{count:8,} {label}")
    print(f"{sum(result.counts.values()):8,} clips in {arguments.out}")
    if result.skipped:
        print(f"{len(result.skipped):,} recordings could not be used, see {arguments.out / 'skipped.csv'}:")
        for name, reason in sorted(result.skipped.items())[:5]:
            print(f"  {name}: {reason}")
    return 0
