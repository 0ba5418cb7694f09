"""Sweep the threshold of a model on recordings that only validate: words, noise and talk of nobody it was trained on.

DATA holds, as for scripts/train_default:

  commands.csv, commands/     its clips of set "val" are the words (those that have any) and the unknown words
  noise/speech_commands/      the last 15 % of each
  sounds/                     the collections that validate
  speech/librispeech/         the speakers that validate; those of training are shown beside them, as the network may
                              know them by heart
  talk/                       the readers and the actors that validate

Nothing of the test recordings is touched: a threshold chosen here may be measured there, once.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from speakers import SPEAKERS
from train_default import VALIDATION_SOUNDS, VALIDATION_TALK, more_talk

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.cli.progress import steps
from kws_live.detection import make_settings
from kws_live.evaluation.intervals import Rate
from kws_live.evaluation.make_stream import StreamSettings, make_stream, write_stream
from kws_live.evaluation.material import find_material
from kws_live.evaluation.operating_points import THRESHOLDS
from kws_live.evaluation.report import Table
from kws_live.evaluation.streaming import LabelledRun, StreamScore, measure_stream
from kws_live.evaluation.talk import TalkRun, TalkScore, measure_talk
from kws_live.model import Model, load_model
from kws_live.sources.recordings import read_mono
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.training.corpora.short_sounds import FAINT, MOST_WINDOWS, sounds_in
from kws_live.training.dataset import SetName

SNRS_DB: Final = (30.0, 10.0, 0.0)
LEAST_SECONDS: Final = 0.2
"""Of a sound that is used."""

SEED: Final = 7


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", default="commands-12", help="name or folder (default: %(default)s)")
    parser.add_argument("--words", type=int, default=300, help="words in each stream (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what the model saw, and use it next time")
    given = parser.parse_args(arguments)
    model = load_model(given.model)
    streams, talk = runs(model, given.data, given.words, given.keep)
    settings = make_settings(model).snapshot()
    for mode in ("command", "spotting"):
        print(table(streams, talk, replace(settings, mode=mode)).markdown())
    return 0


def runs(
    model: Model, data: Path, n_words: int, keep: Path | None
) -> tuple[dict[str, LabelledRun], dict[str, list[TalkRun]]]:
    """The model over the streams, and over the talk of each kind of speakers."""
    settings = make_settings(model).snapshot()
    with tempfile.TemporaryDirectory() as name, steps("streams", None) as advance:
        streams = {}
        for stream, path in build_streams(data, Path(name), model.card.keywords, n_words):
            streams[stream] = measure_stream(model, settings, path, path.with_suffix(".csv"), keep, advance)[0]
    talk: dict[str, list[TalkRun]] = {"readers": [], "actors": [], "readers in training": []}
    kinds: dict[SetName, str] = {"val": "readers", "train": "readers in training"}
    folders = [(data / "speech" / "librispeech" / name, kinds[set_name]) for name, set_name in SPEAKERS.items()]
    for folder, set_name in more_talk(data).items():
        if set_name == "val":
            folders.append((folder, "actors" if folder.name in VALIDATION_TALK else "readers"))
    with steps("talk", None) as advance:
        for folder, kind in folders:
            talk[kind] += measure_talk(model, settings, folder, keep, advance)[0]
    return streams, talk


def build_streams(data: Path, folder: Path, keywords: Sequence[str], n_words: int) -> Iterator[tuple[str, Path]]:
    """Streams of validation clips in each kind of validation noise, at each SNR."""
    kinds = {"room noise": folder / "rooms", "sounds": folder / "sounds"}
    for where in kinds.values():
        where.mkdir()
    for path in sorted((data / "noise" / "speech_commands").glob("*.ogg")):
        samples = read_mono(path, SPEECH_RATE_HZ)
        soundfile.write(kinds["room noise"] / f"{path.stem}.flac", samples[int(0.85 * samples.size) :], SPEECH_RATE_HZ)
    for collection in VALIDATION_SOUNDS:
        for i, (_, sound) in enumerate(sounds_in(data / "sounds" / collection)):
            sound = sound[: MOST_WINDOWS * SPEECH_RATE_HZ]  # music must not crowd out the knocks
            if sound.size > LEAST_SECONDS * SPEECH_RATE_HZ and np.abs(sound).max() > FAINT:
                soundfile.write(kinds["sounds"] / f"{collection}-{i}.flac", sound, SPEECH_RATE_HZ)
    for kind, noise in kinds.items():
        for snr_db in SNRS_DB:
            material = find_material(data / "commands.csv", keywords, noise, set_name="val")
            settings = StreamSettings(n_words=n_words, snr_db=snr_db, talk_share=0.0, seed=SEED)
            samples, labels = make_stream(material, settings)
            path = folder / f"{kind.replace(' ', '_')}_{snr_db:g}.flac"
            write_stream(path, path.with_suffix(".csv"), samples, labels)
            yield f"{kind} {snr_db:g} dB", path


def table(streams: dict[str, LabelledRun], talk: dict[str, list[TalkRun]], settings: DecisionSettings) -> Table:
    """A row for each threshold."""
    rows = []
    for threshold in THRESHOLDS:
        at = replace(settings, thresholds=dict.fromkeys(settings.thresholds, threshold))
        scores = [run.score(at) for run in streams.values()]
        noise = sum((score.false_accepts["noise"] for score in scores), Rate())
        unknown = sum(scores, StreamScore()).unknown_fired
        said = [sum((run.score(at) for run in some), TalkScore()).false_accepts for some in talk.values()]
        hits = [f"{100 * score.hits.value:.1f}" for score in scores]
        rows.append((f"{threshold:g}", *hits, f"{100 * unknown.value:.1f}", str(noise), *map(str, said)))
    head = ("threshold", *(f"{name}, hits %" for name in streams), "unknown fired %", "false accepts on noise")
    return Table(f"{settings.mode} mode", (*head, *(f"on talk, {name}" for name in talk)), tuple(rows))


if __name__ == "__main__":
    sys.exit(main())
