"""Sweep the threshold or another setting of a model on validation recordings: words, noise, talk.

DATA contains, as for scripts/train_default:

  commands.csv, commands/     the clips of set "val" are the keywords and the unknown words
  noise/speech_commands/      the last 15 % of each
  sounds/                     the validation collections
  speech/librispeech/         the validation speakers; the training speakers are shown separately, since the network
                              may have memorised them
  talk/                       the validation readers and actors

No test recordings are used: a choice made here may be measured on them, once.

  scripts/choose_threshold DATA --keep KEPT
  scripts/choose_threshold DATA --keep KEPT --setting evidence=1,2,3 --setting second_chance_seconds=0,4
"""

import argparse
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from speakers import SPEAKERS
from train_default import VALIDATION_SOUNDS, VALIDATION_TALK, more_talk

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.cli.progress import steps
from kws_live.detection import make_settings
from kws_live.errors import KwsLiveError
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.labels import Label
from kws_live.evaluation.make_stream import StreamSettings, make_stream, write_stream
from kws_live.evaluation.material import Material, find_material
from kws_live.evaluation.operating_points import THRESHOLDS
from kws_live.evaluation.report import Table
from kws_live.evaluation.streaming import LabelledRun, StreamScore, measure_stream
from kws_live.evaluation.talk import TalkRun, TalkScore, measure_talk
from kws_live.model import Model, load_model
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.training.corpora.short_sounds import FAINT, MOST_WINDOWS, sounds_in
from kws_live.training.dataset import SetName

SNRS_DB: Final = (30.0, 10.0, 0.0)
TWICE_SNRS_DB: Final = (10.0, 0.0)
TWICE_GAP_SECONDS: Final = (1.0, 2.5)
LEAST_SECONDS: Final = 0.2
"""Minimum length of a sound."""

SEED: Final = 7


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", default="commands-12", help="name or folder (default: %(default)s)")
    parser.add_argument("--words", type=int, default=300, help="words in each stream (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save the model's output, and reuse it next time")
    parser.add_argument(
        "--setting",
        action="append",
        metavar="NAME=VALUE,...",
        help="instead of thresholds, sweep values of this setting; repeat it to sweep all combinations",
    )
    given = parser.parse_args(arguments)
    try:
        model = load_model(given.model)
        settings = make_settings(model).snapshot()
        variants = list(changes(given.setting or [], settings.thresholds))
        for change in variants:
            settings.changed(change)  # before the model runs for an hour
        heard = runs(model, given.data, given.words, given.keep)
    except KwsLiveError as error:
        print(f"scripts/choose_threshold: {error}", file=sys.stderr)
        return 1
    for mode in ("command", "spotting"):
        print(table(heard, replace(settings, mode=mode), variants).markdown())
    return 0


def changes(settings: Sequence[str], words: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield every combination of ``name=value,value``, or by default the thresholds of all words."""
    if not settings:
        yield from ({"thresholds": dict.fromkeys(words, threshold)} for threshold in THRESHOLDS)
        return
    split = [setting.partition("=") for setting in settings]
    values = [[json.loads(value) for value in some.split(",")] for _, _, some in split]
    for combination in itertools.product(*values):
        yield {name: value for (name, _, _), value in zip(split, combination, strict=True)}


@dataclass(frozen=True)
class Heard:
    """A model's output on the streams of words, on those of words said twice, and on each kind of talk."""

    streams: dict[str, LabelledRun]
    twice: dict[str, LabelledRun]
    talk: dict[str, list[TalkRun]]


def runs(model: Model, data: Path, n_words: int, keep: Path | None) -> Heard:
    """Run the model on everything."""
    settings = make_settings(model).snapshot()

    def heard(built: Iterator[tuple[str, Path]]) -> dict[str, LabelledRun]:
        return {
            name: measure_stream(model, settings, path, path.with_suffix(".csv"), keep, advance)[0]
            for name, path in built
        }

    with tempfile.TemporaryDirectory() as name, steps("streams", None) as advance:
        streams = heard(build_streams(data, Path(name), model.card.keywords, n_words))
        twice = heard(build_twice(data, Path(name), model.card.keywords))
    talk: dict[str, list[TalkRun]] = {"readers": [], "actors": [], "readers in training": []}
    kinds: dict[SetName, str] = {"val": "readers", "train": "readers in training"}
    folders = [(data / "speech" / "librispeech" / name, kinds[set_name]) for name, set_name in SPEAKERS.items()]
    for folder, set_name in more_talk(data).items():
        if set_name == "val":
            folders.append((folder, "actors" if folder.name in VALIDATION_TALK else "readers"))
    with steps("talk", None) as advance:
        for folder, kind in folders:
            talk[kind] += measure_talk(model, settings, folder, keep, advance)[0]
    return Heard(streams, twice, talk)


def build_streams(data: Path, folder: Path, keywords: Sequence[str], n_words: int) -> Iterator[tuple[str, Path]]:
    """Build streams of validation clips in each kind of validation noise, at each SNR."""
    kinds = {"room noise": folder / "rooms", "sounds": folder / "sounds"}
    for where in kinds.values():
        where.mkdir()
    for path in sorted((data / "noise" / "speech_commands").glob("*.ogg")):
        samples = read_mono(path, SPEECH_RATE_HZ)
        soundfile.write(kinds["room noise"] / f"{path.stem}.flac", samples[int(0.85 * samples.size) :], SPEECH_RATE_HZ)
    for collection in VALIDATION_SOUNDS:
        for i, (_, sound) in enumerate(sounds_in(data / "sounds" / collection)):
            sound = sound[: MOST_WINDOWS * SPEECH_RATE_HZ]  # so that music does not crowd out short sounds
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


def build_twice(data: Path, folder: Path, keywords: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Build streams of keywords said twice, 1.0 to 2.5 s apart, in the room noise written by `build_streams`."""
    for snr_db in TWICE_SNRS_DB:
        streams: list[Samples] = []
        labels: list[Label] = []
        begin = 0.0
        for seed, (word, takes) in enumerate(
            said_twice(find_material(data / "commands.csv", keywords, None, (), "val"))
        ):
            material = Material({word: list(takes)}, [], sound_files(folder / "rooms"), [])
            settings = StreamSettings(2, snr_db, 0.0, 0.0, *TWICE_GAP_SECONDS, seed)
            samples, pair = make_stream(material, settings)
            labels += [
                replace(one, begin_seconds=begin + one.begin_seconds, end_seconds=begin + one.end_seconds)
                for one in pair
            ]
            streams.append(samples)
            begin += samples.size / SPEECH_RATE_HZ
        path = folder / f"twice_{snr_db:g}.flac"
        write_stream(path, path.with_suffix(".csv"), np.concatenate(streams), labels)
        yield f"said twice, {snr_db:g} dB", path


def said_twice(material: Material) -> Iterator[tuple[str, tuple[Path, Path]]]:
    """Yield each two consecutive takes of a word by the same speaker."""
    for word, paths in material.words.items():
        for _, takes in itertools.groupby(paths, key=lambda path: path.name.partition("_")[0]):
            for pair in itertools.pairwise(takes):
                yield word, pair


def table(heard: Heard, settings: DecisionSettings, variants: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table with a row per variant of the settings."""
    head = [
        "",
        *(f"{name}, hits %" for name in heard.streams),
        "unknown fired %",
        "false accepts on noise",
        "delay, s",
        *(f"{name}, both missed %" for name in heard.twice),
        *(f"on talk, {name}" for name in heard.talk),
    ]
    rows = []
    for change in variants:
        at = settings.changed(change)
        scores = [run.score(at) for run in heard.streams.values()]
        total = sum(scores, StreamScore())
        said = [sum((run.score(at) for run in some), TalkScore()).false_accepts for some in heard.talk.values()]
        cells = [
            ", ".join(f"{name} {set(v.values()).pop() if isinstance(v, dict) else v:g}" for name, v in change.items()),
            *(f"{100 * score.hits.value:.1f}" for score in scores),
            f"{100 * total.unknown_fired.value:.1f}",
            total.false_accepts["noise"],
            "{:.2f}, 95 % {:.2f}".format(*total.delays() or (math.nan, math.nan)),
            *(f"{100 * both_missed(run.score(at)).value:.1f}" for run in heard.twice.values()),
            *said,
        ]
        rows.append(tuple(map(str, cells)))
    return Table(f"{settings.mode} mode", tuple(head), tuple(rows))


def both_missed(score: StreamScore) -> Share:
    """Return the share of the words said twice that were missed both times."""
    pairs = list(zip(score.words[::2], score.words[1::2], strict=True))
    return Share(sum(not (first.hit or second.hit) for first, second in pairs), len(pairs))


if __name__ == "__main__":
    sys.exit(main())
