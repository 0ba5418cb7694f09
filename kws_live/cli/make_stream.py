"""Build a labelled test recording of words, other words, speech and noise; the same seed gives the same recording.

  kws-live make-stream --clips DATA/test --noise DATA/noise/esc10 --snr 10 --out room.flac
  kws-live make-stream --clips DATA/commands.csv --set val --talk DATA/speech/librispeech/1970 --out tune.flac
  kws-live evaluate commands-12 --stream room.flac

The labels are written next to it, as room.csv: beginning and end of each word in seconds. A word is cut out of its clip
by level: everything within 30 dB of its loudest moment and 6 dB above the noise floor of the clip.
"""

import argparse
from pathlib import Path

from kws_live.cli.output_files import require_place
from kws_live.cli.progress import steps
from kws_live.evaluation.make_stream import (
    RATE_HZ,
    StreamSettings,
    make_stream,
    require_names,
    write_stream,
)
from kws_live.evaluation.material import find_material
from kws_live.model import DEFAULT_MODEL, load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = StreamSettings()
    parser.add_argument(
        "--clips",
        required=True,
        type=Path,
        metavar="DIR|CSV",
        help="one folder of clips per word, or a CSV file with the columns path,word",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the recording to write, .flac or .wav")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="the file for the labels (default: FILE with .csv)")
    parser.add_argument("--set", dest="set_name", help="use only this set of the CSV file, such as val")
    parser.add_argument("--noise", type=Path, metavar="DIR", help="recordings of noise to mix under everything")
    parser.add_argument(
        "--talk", type=Path, action="append", default=[], metavar="DIR", help="LibriSpeech folders; repeatable"
    )
    parser.add_argument(
        "--snr",
        type=float,
        default=default.snr_db,
        metavar="DB",
        help="level of the words above the noise (default: %(default)g)",
    )
    parser.add_argument(
        "--words", type=int, default=default.n_words, metavar="N", help="number of words (default: %(default)s)"
    )
    parser.add_argument(
        "--unknown-share", type=float, default=default.unknown_share, help="share of other words (default: %(default)g)"
    )
    parser.add_argument(
        "--talk-share",
        type=float,
        default=default.talk_share,
        help="share of the words that follow speech (default: %(default)g)",
    )
    parser.add_argument(
        "--gap",
        type=float,
        nargs=2,
        default=(default.least_gap_seconds, default.most_gap_seconds),
        metavar=("FROM", "TO"),
        help="shortest and longest pause between words in seconds (default: 0.8 3)",
    )
    parser.add_argument(
        "--seed", type=int, default=default.seed, help="seed of the random choices (default: %(default)s)"
    )
    parser.add_argument(
        "--model", "-m", default=DEFAULT_MODEL, help="the model whose keywords count (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    settings = StreamSettings(
        n_words=arguments.words,
        snr_db=arguments.snr,
        unknown_share=arguments.unknown_share,
        talk_share=arguments.talk_share,
        least_gap_seconds=arguments.gap[0],
        most_gap_seconds=arguments.gap[1],
        seed=arguments.seed,
    )
    labels_path = arguments.labels or arguments.out.with_suffix(".csv")
    require_names(arguments.out, labels_path)
    require_place(arguments.out)
    require_place(labels_path)
    keywords = load_model(arguments.model).card.keywords
    material = find_material(arguments.clips, keywords, arguments.noise, arguments.talk, arguments.set_name)
    with steps("words", settings.n_words) as advance:
        samples, labels = make_stream(material, settings, advance)
    write_stream(arguments.out, labels_path, samples, labels)
    print(f"{arguments.out}: {samples.size / RATE_HZ / 60:.1f} minutes; {labels_path}: {len(labels)} labels")
    return 0
