"""Measure a model, with the pipeline that runs live: streams, talk, clips, noise; any of them in one go.

  kws-live evaluate commands-12 --stream room.flac --labels room.csv      or a folder of such pairs
  kws-live evaluate commands-12 --talk DATA/speech/librispeech/3526
  kws-live evaluate --clips DATA/test --noise DATA/noise/esc10 --json

Intervals in brackets are 95 %. A detection belongs to a word if it comes after the word's begin and at most one
second after its end.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from kws_live.cli.progress import steps
from kws_live.cli.settings_options import add_settings, settings_from
from kws_live.errors import ConfigError
from kws_live.evaluation.clips import ClipScore, NoiseScore, find_clips, score_clips, score_noise
from kws_live.evaluation.statistics import NOTHING
from kws_live.evaluation.streaming import KINDS, Effort, StreamScore, measure_stream, stream_pairs
from kws_live.evaluation.talk import TalkScore, measure_talk
from kws_live.model import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings(parser, positional_model=True)
    parser.add_argument("--stream", type=Path, metavar="FILE|DIR", help="a labelled recording, or a folder of them")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="begin_seconds,end_seconds,word (default: FILE.csv)")
    parser.add_argument(
        "--talk",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="running speech with LibriSpeech's transcripts; may be given again",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="keep what the model saw of --stream, to sweep thresholds without running it again",
    )
    parser.add_argument("--clips", type=Path, metavar="DIR", help="one-second clips in class folders")
    parser.add_argument("--noise", type=Path, metavar="DIR", help="recordings of noise, judged second by second")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.model)
    settings = settings_from(arguments, model).snapshot()
    if not (arguments.stream or arguments.talk or arguments.clips or arguments.noise):
        raise ConfigError("nothing to measure; give --stream, --talk, --clips or --noise")
    result: dict[str, Any] = {"model": model.card.name, "mode": settings.mode}
    lines: list[tuple[str, str]] = []
    if arguments.clips is not None:
        found = find_clips(arguments.clips, model.card.labels)
        with steps("clips", len(found)) as advance:
            clips = score_clips(model, found, advance)
        result |= clips.to_dict()
        lines += clip_lines(clips)
    if arguments.noise is not None:
        with steps("noise", None) as advance:
            noise = score_noise(model, arguments.noise, advance)
        result["noise"] = noise.to_dict()
        lines += noise_lines(noise)
    if arguments.stream is not None:
        score, effort = StreamScore(), Effort()
        with steps("stream", None) as advance:
            for audio, labels in stream_pairs(arguments.stream, arguments.labels):
                kept, one, cost = measure_stream(model, settings, audio, labels, advance)
                score, effort = score + one, effort + cost
                if arguments.keep is not None:
                    kept.save(arguments.keep)
        result["stream"] = {**score.to_dict(), **effort.to_dict()}
        lines += stream_lines(score, effort)
    if arguments.talk:
        talk = TalkScore()
        with steps("talk", None) as advance:
            for folder in arguments.talk:
                talk += measure_talk(model, settings, folder, advance)[1]
        result["talk"] = talk.to_dict()
        lines += talk_lines(talk)
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in lines:
            print(f"{name:>24}  {value}")
    return 0


def clip_lines(score: ClipScore) -> list[tuple[str, str]]:
    """Name and figure, for people."""
    lines = [
        ("accuracy, all classes", str(score.accuracy)),
        ("accuracy, words", str(score.ten_words)),
        ("unknown words fired", str(score.unknown_fired)),
        ("noise clips fired", str(score.noise_fired)),
    ]
    for label, row in score.confusion().items():
        others = sorted(((n, answer) for answer, n in row.items() if n and answer != label), reverse=True)
        mistaken = ", ".join(f"{answer} {n}" for n, answer in others)
        recall = score.recall().get(label, NOTHING)
        lines.append((f"recall of {label}", f"{recall}" + (f"; taken for {mistaken}" if mistaken else "")))
    return lines


def noise_lines(score: NoiseScore) -> list[tuple[str, str]]:
    """Name and figure, for people."""
    by_folder = ", ".join(f"{name} {share.count}/{share.n}" for name, share in score.by_folder.items() if share.count)
    return [("seconds of noise fired", str(score.fired)), ("which noise", by_folder or "none")]


def stream_lines(score: StreamScore, effort: Effort) -> list[tuple[str, str]]:
    """Name and figure, for people."""
    delays = score.delays()
    figures = effort.to_dict()
    lines = [
        ("hits", str(score.hits)),
        ("wrong words", str(score.wrong)),
        ("doubles", str(score.n_doubles)),
        ("unknown words fired", str(score.unknown_fired)),
    ]
    lines += [(f"false on {name}", str(score.false_accepts[kind])) for kind, name in KINDS.items()]
    if delays:
        lines.append(("delay from word end", f"median {delays[0]:.3f} s, 95 % {delays[1]:.3f} s of audio"))
        compute = figures["compute_median_seconds"], figures["compute_95_seconds"]
        lines.append(("and of computing", f"median {1000 * compute[0]:.2f} ms, 95 % {1000 * compute[1]:.2f} ms"))
    lines += [
        ("CPU", f"{figures['cpu_ms_per_second']} ms for each second of audio"),
        ("gate passed words", str(effort.words_passed)),
        ("gate saved", f"{100 * figures['hops_saved']:.1f} % of the hops"),
    ]
    return [*lines, *((f"hits of {word}", str(share)) for word, share in score.per_word().items())]


def talk_lines(talk: TalkScore) -> list[tuple[str, str]]:
    """Name and figure, for people."""
    by_word = ", ".join(f"{word} {count}" for word, count in talk.false.most_common())
    return [
        ("false accepts on talk", str(talk.false_accepts)),
        ("which words", by_word or "none"),
        ("of these sound the same", str(talk.same_sound)),
        ("words said in sentences", f"{talk.said.total()}, of which {talk.said_fired.total()} fired"),
    ]
