"""How well are words heard that were taught from 3, 5 and 10 takes? Writes a table, and a report.

DATA holds own_words/<word>/ (takes of words that nothing was trained on), speech/librispeech/, noise/ and test.csv. Of
the speech, only speakers are used that nothing was trained or tuned on.

  scripts/prove_teaching DATA --report models/commands-12/teaching.md
  scripts/prove_teaching DATA --from-text                 words taught by synthetic voices beside them
  scripts/prove_teaching DATA --peer VENV/bin/python      local-wake 0.1.2 beside it, on the same takes and streams

Everything goes through the pipeline that runs live. The network runs once over every stream; each taught word's
scores are then what its model would give there, and the decision runs on them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray
from train_embedding import HELD_OUT_SPEAKERS, TRAIN_SPEAKERS, embedding_model

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.cli.progress import progress
from kws_live.decision_settings import DecisionSettings
from kws_live.enrolment.expectation import THRESHOLD
from kws_live.enrolment.judge import Judge
from kws_live.enrolment.spoken_takes import PROVED, speak_takes
from kws_live.enrolment.takes import Take, read_takes
from kws_live.enrolment.teaching import Teacher
from kws_live.evaluation.recorded_run import RecordedRun, record
from kws_live.evaluation.report import Table
from kws_live.evaluation.sound_files import read_mono, sound_files
from kws_live.evaluation.statistics import Rate, Share
from kws_live.evaluation.talk import Utterance, join_chapters
from kws_live.evaluation.word_bounds import find_word
from kws_live.events import Detection
from kws_live.model import Model, load_model, write_card
from kws_live.sources.array import ArraySource
from kws_live.synthesis import installed_voices
from kws_live.taught_words import KNOWN_WEIGHT, TaughtWords
from kws_live.training.training_run import read_test

N_TAKES: Final = (3, 5, 10)
FROM_TEXT: Final = 0
"""Recorded takes of a word that synthetic voices said."""

PAUSE_SECONDS: Final = 8.0
"""Half before each clip and half after it: as long as the decision remembers a room."""

ROOM_DB: Final = -60.0
"""Of the noise beside a clip that the word fills."""

TOLERANCE_SECONDS: Final = 1.0
"""After the end of a clip that its word may still be told."""

THRESHOLDS: Final = tuple(1 / (1 + np.exp(-np.linspace(-3, 9, 97))))
MODES: Final = ("command", "spotting")


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording that the network has run over.

    Attributes
    ----------
    run : posteriors, then the embedding
    samples : float32 at 16 kHz
    names, spans : of the clips in it, and where each begins and ends, seconds
    utterances : what is said in it, where that is known
    """

    run: RecordedRun
    samples: Samples
    names: tuple[str, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    utterances: tuple[Utterance, ...] = ()

    def says(self, word: str, seconds: float) -> bool:
        """Whether the transcript has the word where the window that ends then reaches into."""
        near = (one for one in self.utterances if one.begin_seconds < seconds and one.end_seconds > seconds - 2)
        return any(f" {word.replace('_', ' ').upper()} " in f" {' '.join(one.words)} " for one in near)


@dataclass(frozen=True, eq=False)
class Trial:
    """A word taught once."""

    word: str
    n_takes: int
    seed: int
    takes: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: float


@dataclass(frozen=True)
class Outcome:
    """Of one trial in one mode: at the shipped threshold, and at the lowest with at most one false accept an hour."""

    hits: int
    n: int
    false: int
    hours: float
    threshold_at_one: float
    hits_at_one: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", default="commands-12", help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="draws of takes (default: %(default)s)")
    parser.add_argument("--from-text", action="store_true", help="teach from the words as they are written, too")
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment that has local-wake")
    parser.add_argument("--report", type=Path, metavar="FILE", help="Markdown to write")
    given = parser.parse_args(arguments)
    model = load_model(given.model)
    teacher = Teacher(model)
    talk = [run_stream(model, samples, utterances=said) for samples, said in negatives(given.data)]
    words = {folder.name: folder for folder in sorted((given.data / "own_words").iterdir()) if folder.is_dir()}
    spoken = {word: word_stream(model, folder) for word, folder in words.items()}
    trials = list(taught(model, teacher, words, given.seeds))
    recorded = tuple(trials)
    if given.from_text:
        trials += from_text(model, teacher, words)
    outcomes = [(trial, mode, judge(model, trial, mode, talk, spoken)) for trial in with_bar(trials) for mode in MODES]
    tables = [summary(outcomes), by_word(outcomes), ten_words(model, trials, given.data)]
    if given.peer:
        tables.append(peer_table(given.peer, recorded, talk, spoken))
    hours = sum(stream.run.seconds for stream in talk) / 3600
    text = heading(given, hours) + "\n".join(table.markdown() for table in tables)
    print(text)
    if given.report:
        given.report.write_text(text, encoding="utf-8")
        write_card(model.folder, replace(model.card, figures={**model.card.figures, PROVED: proved(outcomes)}))
    return 0


def with_bar(trials: Sequence[Trial]) -> Iterator[Trial]:
    with progress("decisions") as on_progress:
        for number, trial in enumerate(trials):
            on_progress(number, len(trials))
            yield trial


def heading(given: argparse.Namespace, hours: float) -> str:
    options = (" --from-text" if given.from_text else "") + (" --peer PYTHON" if given.peer else "")
    spoken = (
        "\nFrom text: no recorded take at all, but the word's name read by the synthesisers of this machine\n"
        f"({', '.join(sorted({voice.engine for voice in installed_voices()}))}); every clip counts.\n"
        if given.from_text
        else ""
    )
    return f"""# Words of one's own, measured

Written by `scripts/prove_teaching DATA --seeds {given.seeds}{options}`: six words by several people, from the
recordings that Shawn Hymel made public (CC BY 4.0), taught to {given.model} from 3, 5 and 10 takes, {given.seeds} draws
of each.
A hit: the word is told while a clip that it was not taught with plays, or within {TOLERANCE_SECONDS:g} s after it; the
clips stand {PAUSE_SECONDS:g} s apart, each with its own room around it. False accepts: on {hours:.2f} hours
of read speech (LibriSpeech), household noise (ESC-10) and the noises of Speech Commands, by speakers that nothing was
trained or tuned on, left out where the transcript has the word. All through the pipeline that runs live; intervals of
95 %, as if the draws were independent.
{spoken}
"""


def negatives(data: Path) -> Iterator[tuple[Samples, tuple[Utterance, ...]]]:
    """Talk, with what is said in it, and noise."""
    known = {*TRAIN_SPEAKERS, *HELD_OUT_SPEAKERS}
    for speaker in sorted((data / "speech" / "librispeech").iterdir()):
        if speaker.is_dir() and speaker.name not in known:
            yield from ((samples, said) for _, samples, said in join_chapters(speaker))
    for kind in sorted((data / "noise").iterdir()):
        folders = [kind, *(folder for folder in sorted(kind.iterdir()) if folder.is_dir())]
        paths = [path for folder in folders for path in sound_files(folder)]
        if paths:
            yield np.concatenate([read_mono(path, SPEECH_RATE_HZ) for path in paths]), ()


def run_stream(
    model: Model,
    samples: Samples,
    names: Sequence[str] = (),
    spans: Sequence[tuple[float, float]] = (),
    utterances: tuple[Utterance, ...] = (),
) -> Stream:
    """Run the network over a recording."""
    settings = DecisionSettings(thresholds=dict(model.card.thresholds))
    run, _ = record(embedding_model(model), settings, ArraySource(samples, SPEECH_RATE_HZ))
    return Stream(run, samples, tuple(names), tuple(spans), utterances)


def word_stream(model: Model, folder: Path) -> Stream:
    """Every clip of a word, one after the other; each clip's own room goes on for half of the pauses beside it.

    A microphone has one room: after a quieter one, the noise of a clip would be taken for speech before the word.
    """
    rng = np.random.default_rng(0)
    paths = sound_files(folder)
    pause = round(PAUSE_SECONDS * SPEECH_RATE_HZ)
    parts: list[Samples] = []
    spans = []
    at = 0
    for path in paths:
        clip = read_mono(path, SPEECH_RATE_HZ)
        room = room_of(clip, rng)
        before, after = np.resize(room, pause // 2)[::-1], np.resize(room, pause // 2)
        parts += [before, clip, after]
        spans.append(((at + pause // 2) / SPEECH_RATE_HZ, (at + pause // 2 + clip.size) / SPEECH_RATE_HZ))
        at += pause // 2 * 2 + clip.size
    samples = np.concatenate(parts)
    return run_stream(model, samples, [path.name for path in paths], spans)


def room_of(clip: Samples, rng: np.random.Generator) -> Samples:
    """What is heard beside the word, to and fro so that it joins itself; faint noise where there is too little."""
    begin, end = find_word(clip, SPEECH_RATE_HZ)
    margin, least = SPEECH_RATE_HZ // 20, SPEECH_RATE_HZ // 10
    beside = max(clip[: max(0, begin - margin)], clip[end + margin :], key=len)
    if len(beside) < least:
        beside = (10 ** (ROOM_DB / 20) * rng.standard_normal(least)).astype(np.float32)
    return np.concatenate([beside, beside[::-1]])


def taught(model: Model, teacher: Teacher, words: dict[str, Path], n_seeds: int) -> Iterator[Trial]:
    """Teach every word, from takes drawn at random among those that the judge accepts, as recording would go."""
    for word, folder in words.items():
        takes = read_takes(folder)
        for n_takes in N_TAKES:
            for seed in range(n_seeds):
                order = np.random.default_rng([seed, n_takes]).permutation(len(takes))
                chosen = accepted(Judge(teacher, model.extractor), [takes[i] for i in order], n_takes)
                weights, bias = teacher.weights_of([take.features(model.extractor) for take in chosen])
                paths = tuple(str(folder / take.name) for take in chosen)
                yield Trial(word, n_takes, seed, paths, weights, bias)


def accepted(judge: Judge, takes: Sequence[Take], n: int) -> list[Take]:
    """The first takes that are not refused."""
    good: list[Take] = []
    for take in takes:
        if len(good) < n and judge.fault(take, good) is None:
            good.append(take)
    return good


def from_text(model: Model, teacher: Teacher, words: dict[str, Path]) -> Iterator[Trial]:
    """Teach every word from synthetic voices that read its name."""
    for word in words:
        takes = speak_takes(word.replace("_", " "))
        weights, bias = teacher.weights_of([take.features(model.extractor) for take in takes])
        yield Trial(word, FROM_TEXT, 0, (), weights, bias)


def numbers(trials: Iterable[Trial]) -> list[int]:
    """The numbers of takes, from text last."""
    return sorted({trial.n_takes for trial in trials}, key=lambda n: (n == FROM_TEXT, n))


def called(n_takes: int) -> str:
    return "from text" if n_takes == FROM_TEXT else f"{n_takes} takes"


def proved(outcomes: Sequence[tuple[Trial, str, Outcome]]) -> dict[str, float]:
    """Shares of hits at one false accept an hour in command mode, for the card."""
    shares = {}
    for n_takes in numbers(trial for trial, _, _ in outcomes):
        some = [one for trial, mode, one in outcomes if (trial.n_takes, mode) == (n_takes, "command")]
        shares[called(n_takes)] = round(sum(one.hits_at_one for one in some) / sum(one.n for one in some), 4)
    return shares


def with_word(stream: Stream, trial: Trial, n_labels: int) -> RecordedRun:
    """What a model that has the word would have given: the posteriors, and the word's score."""
    name = f"{trial.word} (taught)"
    words = TaughtWords((name,), trial.weights[np.newaxis], np.array([trial.bias], np.float32))
    run = stream.run
    embeddings = run.posteriors[:, n_labels:]
    own = [run.labels.index(word) for word in run.keywords]
    known = KNOWN_WEIGHT * run.posteriors[:, own].max(axis=1)
    scores = 1 / (1 + np.exp(-np.clip(embeddings @ words.weights[0] + words.biases[0] - known, -60, 60)))
    posteriors = np.concatenate([run.posteriors[:, :n_labels], scores[:, np.newaxis].astype(np.float32)], axis=1)
    return replace(run, labels=(*run.labels[:n_labels], name), keywords=(*run.keywords, name), posteriors=posteriors)


def judge(model: Model, trial: Trial, mode: str, talk: Sequence[Stream], spoken: dict[str, Stream]) -> Outcome:
    """Hits and false accepts of a trial, with the model's own words beside it."""
    n_labels = len(model.card.labels)
    name = f"{trial.word} (taught)"
    runs = [with_word(stream, trial, n_labels) for stream in talk]
    hours = sum(run.seconds for run in runs) / 3600
    own = with_word(spoken[trial.word], trial, n_labels)

    def settings(threshold: float) -> DecisionSettings:
        thresholds = {**model.card.thresholds, name: float(threshold)}
        return DecisionSettings(thresholds=thresholds, mode=mode)  # type: ignore[arg-type]  # it is one of the two

    def false_at(threshold: float) -> int:
        return sum(
            event.keyword == name and not stream.says(trial.word, event.seconds)
            for stream, run in zip(talk, runs, strict=True)
            for event in decide_near(run, settings(threshold), name)
        )

    def hits_at(threshold: float) -> tuple[int, int]:
        return hits(spoken[trial.word], own, settings(threshold), name, trial.takes)

    low, high = 0, len(THRESHOLDS) - 1  # the lowest threshold that keeps the budget: false accepts fall as it rises
    while low < high:
        middle = (low + high) // 2
        if false_at(THRESHOLDS[middle]) <= hours:
            high = middle
        else:
            low = middle + 1
    found, n = hits_at(THRESHOLD)
    return Outcome(found, n, false_at(THRESHOLD), hours, float(THRESHOLDS[high]), hits_at(THRESHOLDS[high])[0])


HOPS_BEFORE, HOPS_AFTER = 45, 20
"""The decision remembers three seconds of levels, and waits at most 1.3 s for a pause."""


def decide_near(run: RecordedRun, settings: DecisionSettings, name: str) -> Iterator[Detection]:
    """`RecordedRun.decide`, of the stretches alone in which the word passes its threshold: there are few."""
    scores = np.zeros(len(run.positions), np.float32)
    scores[run.gate_open] = run.posteriors[:, run.labels.index(name)]
    mean = np.convolve(scores, np.ones(settings.smoothing_hops) / settings.smoothing_hops)[: len(scores)]
    # The first hops after the gate opens are a mean of fewer.
    near = np.flatnonzero(np.maximum(mean, scores) >= settings.thresholds[name])
    if not near.size:
        return
    row = np.concatenate([[0], np.cumsum(run.gate_open)])
    for stretch in np.split(near, np.flatnonzero(np.diff(near) > HOPS_BEFORE + HOPS_AFTER) + 1):
        first, last = max(0, int(stretch[0]) - HOPS_BEFORE), min(len(scores), int(stretch[-1]) + HOPS_AFTER)
        part = slice(first, last)
        n_open = int(run.gate_open[part].sum())
        yield from replace(
            run,
            positions=run.positions[part],
            gate_open=run.gate_open[part],
            levels_db=run.levels_db[part],
            posteriors=run.posteriors[row[first] : row[first] + n_open],
        ).decide(settings)


def hits(
    stream: Stream, run: RecordedRun, settings: DecisionSettings, name: str, takes: Sequence[str]
) -> tuple[int, int]:
    """Clips during which the word was told, and clips, without those it was taught with."""
    told = [event.position / 22_050 for event in run.decide(settings) if event.keyword == name]
    used = {Path(take).name for take in takes}
    spans = [span for clip, span in zip(stream.names, stream.spans, strict=True) if clip not in used]
    return sum(any(begin < at <= end + TOLERANCE_SECONDS for at in told) for begin, end in spans), len(spans)


def summary(outcomes: Sequence[tuple[Trial, str, Outcome]]) -> Table:
    rows = []
    for n_takes in numbers(trial for trial, _, _ in outcomes):
        for mode in MODES:
            some = [one for trial, how, one in outcomes if trial.n_takes == n_takes and how == mode]
            n = sum(one.n for one in some)
            rows.append(
                (
                    f"{called(n_takes)}, {mode} mode",
                    str(Share(sum(one.hits_at_one for one in some), n)),
                    str(Share(sum(one.hits for one in some), n)),
                    str(Rate(sum(one.false for one in some), sum(one.hours for one in some))),
                )
            )
    head = ("", "hits at 1 false accept an hour", "hits, as shipped", "false accepts, as shipped")
    return Table("All words", head, tuple(rows))


def by_word(outcomes: Sequence[tuple[Trial, str, Outcome]]) -> Table:
    rows, columns = [], numbers(trial for trial, _, _ in outcomes)
    for word in sorted({trial.word for trial, _, _ in outcomes}):
        cells = []
        for n_takes in columns:
            some = [o for t, mode, o in outcomes if (t.word, t.n_takes, mode) == (word, n_takes, "command")]
            share = Share(sum(one.hits_at_one for one in some), sum(one.n for one in some))
            shares = [100 * one.hits_at_one / one.n for one in some]
            cells.append(f"{100 * share.value:.1f} % ({min(shares):.0f} to {max(shares):.0f})")
        rows.append((word, *cells))
    head = ("word", *map(called, columns))
    return Table("Hits at 1 false accept an hour, command mode; in brackets the worst and best draw", head, tuple(rows))


def ten_words(model: Model, trials: Sequence[Trial], data: Path) -> Table:
    """The model's own words on the official test clips, without and with all taught words beside them."""
    labels = model.card.labels
    mfcc, truth = read_test(data / "test.csv", labels, model.card.features)
    base, embedding = model.base_scorer(), model.embedding()
    posteriors = np.array([base.score(window) for window in mfcc])
    embeddings = np.array([embedding.score(window) for window in mfcc])
    is_word = truth < len(model.card.keywords)
    right = posteriors.argmax(axis=1) == truth
    rows = [("without", str(Share(int(right[is_word].sum()), int(is_word.sum()))), "")]
    for n_takes in N_TAKES:
        kept, n, fired = 0, 0, 0
        for seed in sorted({trial.seed for trial in trials}):
            words = [trial for trial in trials if (trial.n_takes, trial.seed) == (n_takes, seed)]
            logits = np.stack([embeddings @ trial.weights + trial.bias for trial in words], axis=1)
            known = KNOWN_WEIGHT * posteriors[:, list(model.own_words.values())].max(axis=1)
            best = (1 / (1 + np.exp(-(logits - known[:, np.newaxis])))).max(axis=1)
            kept += int((right & (best < posteriors.max(axis=1)))[is_word].sum())
            n += int(is_word.sum())
            fired += int((best >= THRESHOLD)[is_word].sum())
        rows.append((f"with all six, from {n_takes} takes", str(Share(kept, n)), str(Share(fired, n))))
    head = ("taught words", "the ten words right", "a taught word passes its threshold")
    return Table("The ten words, official test clips", head, tuple(rows))


def peer_table(python: str, trials: Sequence[Trial], talk: Sequence[Stream], spoken: dict[str, Stream]) -> Table:
    """local-wake on the same takes and streams, at the threshold that gives one false accept an hour."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        streams = {f"talk{i}.wav": stream for i, stream in enumerate(talk)}
        streams |= {f"{word}.wav": stream for word, stream in spoken.items()}
        for file, stream in streams.items():
            soundfile.write(folder / file, stream.samples, SPEECH_RATE_HZ, subtype="FLOAT")
        negative = [file for file in streams if file.startswith("talk")]
        job = [{"takes": trial.takes, "streams": [*negative, f"{trial.word}.wav"]} for trial in trials]
        (folder / "job.json").write_text(json.dumps({"streams": list(streams), "trials": job}), encoding="utf-8")
        helper = Path(__file__).with_name("peer_local_wake.py")
        subprocess.run([python, str(helper), str(folder)], check=True)
        found: dict[int, list[tuple[int, int]]] = {n: [] for n in N_TAKES}
        with np.load(folder / "distances.npz") as stored:
            for i, trial in enumerate(trials):
                hours = sum(stream.run.seconds for stream in talk) / 3600
                false = [(streams[file], stored[f"{i}/{file}"]) for file in negative]
                own = stored[f"{i}/{trial.word}.wav"]
                # The highest distance that keeps the budget.
                threshold = 0.0
                for higher in np.linspace(0.0, 0.5, 1001):
                    heard = [(s, at) for s, distance in false for at in fired(distance, higher)]
                    if sum(not one.says(trial.word, at) for one, at in heard) > hours:
                        break
                    threshold = higher
                stream = spoken[trial.word]
                used = {Path(take).name for take in trial.takes}
                spans = [span for clip, span in zip(stream.names, stream.spans, strict=True) if clip not in used]
                told = fired(own, threshold)
                n_hits = sum(any(begin < at <= end + TOLERANCE_SECONDS for at in told) for begin, end in spans)
                found[trial.n_takes].append((n_hits, len(spans)))
    rows = tuple(
        (f"{n_takes} takes", str(Share(sum(h for h, _ in results), sum(n for _, n in results))))
        for n_takes, results in found.items()
    )
    return Table("local-wake 0.1.2, same takes, clips and streams", ("", "hits at 1 false accept an hour"), rows)


def fired(distance: NDArray[np.float32], threshold: float) -> list[float]:
    """Seconds at which its loop would fire: it then empties its buffer of two seconds."""
    told, silent_until = [], 0.0
    for i in np.flatnonzero(distance < threshold):
        at = 0.25 * (int(i) + 1)
        if at >= silent_until:
            told.append(at)
            silent_until = at + 1.0
    return told


if __name__ == "__main__":
    sys.exit(main())
