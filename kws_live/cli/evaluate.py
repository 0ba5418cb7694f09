"""Measure a model on clips, noise, streams or speech, with the same pipeline as live.

  kws-live evaluate --clips DATA/test --noise DATA/noise/esc10
  kws-live evaluate commands-12 --stream room.flac --labels room.csv      or --stream FOLDER of such pairs
  kws-live evaluate commands-12 --stream room.flac --sweep --target 1 --png det.png
  kws-live evaluate commands-12 --stream room.flac --against other-model  or --against settings.toml
  kws-live evaluate commands-12 --talk DATA/speech/librispeech/3526 --keep runs

Brackets show 95 % intervals. A detection belongs to a word if it comes after the word's beginning and at most one
second after its end. Your default settings file is not used. More: kws-live guide measuring
"""

import argparse
import json
from pathlib import Path
from typing import Any

from kws_live.cli.output_files import require_place
from kws_live.cli.progress import steps
from kws_live.cli.settings_options import add_settings, settings_from
from kws_live.cli.tables import print_tables
from kws_live.detection import make_settings
from kws_live.errors import ConfigError
from kws_live.evaluation import report
from kws_live.evaluation.clips import find_clips, score_clips, score_noise
from kws_live.evaluation.effort import Effort, effort_of
from kws_live.evaluation.operating_points import THRESHOLDS, compare, sweep
from kws_live.evaluation.streaming import LabelledRun, StreamScore, measure_stream, stream_pairs
from kws_live.evaluation.talk import TalkScore, measure_talk
from kws_live.model import Model, load_model
from kws_live.sources.recordings import length_seconds
from kws_live.sources.sound_folder import sound_files
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.saving import write_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings(parser, positional_model=True)
    what = parser.add_argument_group("what to measure on")
    what.add_argument("--clips", type=Path, metavar="DIR", help="one-second clips, one folder per class")
    what.add_argument("--noise", type=Path, metavar="DIR", help="recordings of noise, evaluated second by second")
    what.add_argument("--stream", type=Path, metavar="FILE|DIR", help="a labelled recording, or a folder of them")
    what.add_argument(
        "--labels", type=Path, metavar="CSV", help="begin_seconds,end_seconds,word (default: FILE with .csv)"
    )
    what.add_argument(
        "--talk", type=Path, action="append", default=[], metavar="DIR",
        help="running speech with transcripts in LibriSpeech format; repeatable",
    )  # fmt: skip
    more = parser.add_argument_group("with --stream")
    more.add_argument("--sweep", action="store_true", help="show the result of every other threshold")
    more.add_argument(
        "--target", type=float, metavar="N", help="with --sweep: find the thresholds for N false accepts per hour"
    )
    more.add_argument("--png", type=Path, metavar="FILE", help="with --sweep: plot each word's trade-off")
    more.add_argument(
        "--against", metavar="MODEL|TOML", help="compare with another model or other settings on the same audio"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the model's output on streams and speech, and reuse it next time"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables, as Markdown")
    parser.add_argument("--json", action="store_true", help="print only a JSON object")


def _refuse_impossible(arguments: argparse.Namespace) -> None:
    """Raise a ConfigError for incompatible options, before anything is measured."""
    if not (arguments.clips or arguments.noise or arguments.stream or arguments.talk):
        raise ConfigError("nothing to measure on; give --clips, --noise, --stream or --talk")
    if not arguments.stream and (arguments.sweep or arguments.against):
        raise ConfigError("--sweep and --against need a --stream")
    if not arguments.sweep and (arguments.png or arguments.target is not None):
        raise ConfigError("--target and --png need --sweep; add it")
    if arguments.target is not None and not 0 < arguments.target < float("inf"):
        raise ConfigError(f"--target {arguments.target:g} must be false accepts per hour, above 0, such as 0.5")
    for path in (arguments.markdown, arguments.png):
        if path is not None:
            require_place(path)


def run(arguments: argparse.Namespace) -> int:
    _refuse_impossible(arguments)
    model = load_model(arguments.model)
    settings = settings_from(arguments, model).snapshot()
    other = None if arguments.against is None else _other(arguments.against, model)
    result: dict[str, Any] = {"model": model.card.name, "mode": settings.mode}
    tables: list[report.Table] = []
    if arguments.clips is not None:
        found = find_clips(arguments.clips, model.card.labels)
        with steps("clips", len(found)) as advance:
            clips = score_clips(model, found, advance)
        result |= clips.to_dict()
        tables += report.clip_tables(clips)
    if arguments.noise is not None:
        with steps("noise", len(sound_files(arguments.noise, deep=True))) as advance:
            noise = score_noise(model, arguments.noise, advance)
        result["noise"] = noise.to_dict()
        tables += report.noise_tables(noise)
    if arguments.stream is not None:
        _measure_streams(arguments, model, settings, other, result, tables)
    if arguments.talk:
        talk = TalkScore()
        seconds = length_seconds(path for folder in arguments.talk for path in sound_files(folder, deep=True))
        with steps("talk", seconds) as advance:
            for folder in arguments.talk:
                talk += measure_talk(model, settings, folder, arguments.keep, advance)[1]
        result["talk"] = talk.to_dict()
        tables += report.talk_tables(talk, settings.mode)
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print_tables(tables)
    if arguments.markdown is not None:  # last, so that the figures are printed even if the disk is full
        _write(arguments.markdown, "\n".join(table.markdown() for table in tables))
    return 0


def _other(name: str, model: Model) -> tuple[Model, DecisionSettings]:
    """Return the model and settings given by --against: another model, or other settings for this one."""
    if not name.endswith(".toml"):
        model = load_model(name)
    live = make_settings(model)
    if name.endswith(".toml"):
        live.load(name)
    return model, live.snapshot()


def _measure_streams(
    arguments: argparse.Namespace,
    model: Model,
    settings: DecisionSettings,
    other: tuple[Model, DecisionSettings] | None,
    result: dict[str, Any],
    tables: list[report.Table],
) -> None:
    pairs = stream_pairs(arguments.stream, arguments.labels)
    runs, scores = _run_streams(model, settings, pairs, arguments.keep)
    total = sum(scores, StreamScore())
    effort = sum((effort_of(one.run, score) for one, score in zip(runs, scores, strict=True)), Effort())
    result["stream"] = {**total.to_dict(), **effort.to_dict()}
    tables += report.stream_tables(total, effort)
    if arguments.sweep:
        with steps("thresholds", len(THRESHOLDS)) as advance:
            swept = sweep(runs, settings, progress=advance)
        result["sweep"] = swept.to_dict()
        tables += report.sweep_tables(swept, arguments.target)
        if arguments.png is not None:
            report.draw_det(swept, arguments.png)
    if other is not None:
        _, other_scores = _run_streams(*other, pairs, arguments.keep)
        comparison = compare(scores, other_scores)
        result["against"] = {"name": arguments.against, **comparison.to_dict()}
        tables.append(report.comparison_table(comparison, arguments.model, arguments.against))


def _run_streams(
    model: Model, settings: DecisionSettings, pairs: list[tuple[Path, Path]], keep: Path | None
) -> tuple[list[LabelledRun], list[StreamScore]]:
    with steps(f"{model.card.name} on streams", length_seconds(audio for audio, _ in pairs)) as advance:
        results = [measure_stream(model, settings, audio, labels, keep, advance) for audio, labels in pairs]
    return [run for run, _ in results], [score for _, score in results]


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
