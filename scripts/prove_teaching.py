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
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from taught_beside import heard, outputs_of, own_words_right
from teaching_peer import peer_table
from teaching_streams import PAUSE_SECONDS, TOLERANCE_SECONDS, Stream, Trial, negatives, run_stream, word_stream

from kws_live.cli.progress import progress
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.expectation import THRESHOLD, longest_word
from kws_live.enrolment.judge import Judge
from kws_live.enrolment.spoken_takes import PROVED, speak_takes
from kws_live.enrolment.takes import Take, read_takes
from kws_live.enrolment.teaching import Teacher
from kws_live.evaluation.intervals import Rate, Share
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.evaluation.report import Table
from kws_live.events import Detection
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.synthesis import installed_voices
from kws_live.system.saving import write_file
from kws_live.training.training_run import read_test

N_TAKES: Final = (3, 5, 10)
FROM_TEXT: Final = 0
"""Recorded takes of a word that synthetic voices said."""

THRESHOLDS: Final = tuple(1 / (1 + np.exp(-np.linspace(-3, 9, 97))))
MODES: Final = ("command", "spotting")


def trial_of(
    model: Model, teacher: Teacher, word: str, seed: int, takes: Sequence[Take], paths: Sequence[str], n_takes: int
) -> Trial:
    """Teach a word."""
    features = [take.features(model.extractor) for take in takes]
    longest = longest_word(float(np.median([take.word_seconds for take in takes])))
    return Trial(word, n_takes, seed, tuple(paths), *teacher.weights_of(features), longest)


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
    bank = teacher.bank
    outcomes = [
        (trial, mode, judge(model, bank, trial, mode, talk, spoken)) for trial in with_bar(trials) for mode in MODES
    ]
    tables = [summary(outcomes), by_word(outcomes), ten_words(model, bank, trials, given.data)]
    if given.peer:
        tables.append(peer_table(given.peer, recorded, talk, spoken))
    hours = sum(stream.run.seconds for stream in talk) / 3600
    text = heading(given, hours) + "\n".join(table.markdown() for table in tables)
    print(text)
    if given.report:
        write_file(given.report, text)
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
clips stand {PAUSE_SECONDS:g} s apart, each in its own room for half of that. False accepts: on {hours:.2f} hours
of read speech (LibriSpeech), household noise (ESC-10) and the noises of Speech Commands, by speakers that nothing was
trained or tuned on, left out where the transcript has the word. All through the pipeline that runs live; intervals of
95 %, as if the draws were independent.
{spoken}
"""


def taught(model: Model, teacher: Teacher, words: dict[str, Path], n_seeds: int) -> Iterator[Trial]:
    """Teach every word, from takes drawn at random among those that the judge accepts, as recording would go."""
    for word, folder in words.items():
        takes = read_takes(folder)
        for n_takes in N_TAKES:
            for seed in range(n_seeds):
                order = np.random.default_rng([seed, n_takes]).permutation(len(takes))
                chosen = accepted(Judge(teacher, model.extractor), [takes[i] for i in order], n_takes)
                yield trial_of(
                    model, teacher, word, seed, chosen, [str(folder / take.name) for take in chosen], n_takes
                )


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
        yield trial_of(model, teacher, word, 0, speak_takes(word.replace("_", " ")), (), FROM_TEXT)


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


def with_word(model: Model, bank: Bank, stream: Stream, trial: Trial) -> RecordedRun:
    """What a model that has the word would have given: the posteriors, and the word's score."""
    run, name = stream.run, f"{trial.word} (taught)"
    scores, posteriors = heard(model, bank, (trial.weights, trial.bias), run.posteriors)
    return replace(
        run,
        labels=(*model.card.labels, name),
        keywords=(*run.keywords, name),
        posteriors=np.concatenate([posteriors, scores[:, np.newaxis]], axis=1),
    )


def judge(
    model: Model, bank: Bank, trial: Trial, mode: str, talk: Sequence[Stream], spoken: dict[str, Stream]
) -> Outcome:
    """Hits and false accepts of a trial, with the model's own words beside it."""
    name = f"{trial.word} (taught)"
    runs = [with_word(model, bank, stream, trial) for stream in talk]
    hours = sum(run.seconds for run in runs) / 3600
    own = with_word(model, bank, spoken[trial.word], trial)

    def settings(threshold: float) -> DecisionSettings:
        thresholds = {**model.card.thresholds, name: float(threshold)}
        return DecisionSettings(
            thresholds=thresholds,
            mode=mode,  # type: ignore[arg-type]  # it is one of the two
            longest_word_seconds=trial.longest_word_seconds,
        )

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
    told = [event.seconds for event in run.decide(settings) if event.keyword == name]
    return stream.hits(told, takes)


def summary(outcomes: Sequence[tuple[Trial, str, Outcome]]) -> Table:
    rows = []
    for n_takes in numbers(trial for trial, _, _ in outcomes):
        for mode in MODES:
            some = [one for trial, how, one in outcomes if trial.n_takes == n_takes and how == mode]
            n = sum(one.n for one in some)
            words = sorted({trial.word for trial, _, _ in outcomes})
            each = [at_one(outcomes, word, n_takes, mode).value for word in words]
            rows.append(
                (
                    f"{called(n_takes)}, {mode} mode",
                    str(Share(sum(one.hits_at_one for one in some), n)),
                    f"{100 * float(np.mean(each)):.1f} %",
                    str(Share(sum(one.hits for one in some), n)),
                    str(Rate(sum(one.false for one in some), sum(one.hours for one in some))),
                )
            )
    head = (
        "",
        "hits at 1 false accept an hour",
        "the same, every word counting alike",
        "hits, as shipped",
        "false accepts, as shipped",
    )
    return Table("All words", head, tuple(rows))


def at_one(outcomes: Sequence[tuple[Trial, str, Outcome]], word: str, n_takes: int, mode: str) -> Share:
    """Hits of a word at one false accept an hour."""
    some = [one for trial, how, one in outcomes if (trial.word, trial.n_takes, how) == (word, n_takes, mode)]
    return Share(sum(one.hits_at_one for one in some), sum(one.n for one in some))


def by_word(outcomes: Sequence[tuple[Trial, str, Outcome]]) -> Table:
    rows, columns = [], numbers(trial for trial, _, _ in outcomes)
    for word in sorted({trial.word for trial, _, _ in outcomes}):
        cells = []
        for n_takes in columns:
            some = [o for t, mode, o in outcomes if (t.word, t.n_takes, mode) == (word, n_takes, "command")]
            share = at_one(outcomes, word, n_takes, "command")
            shares = [100 * one.hits_at_one / one.n for one in some]
            cells.append(f"{100 * share.value:.1f} % ({min(shares):.0f} to {max(shares):.0f})")
        rows.append((word, *cells))
    head = ("word", *map(called, columns))
    return Table("Hits at 1 false accept an hour, command mode; in brackets the worst and best draw", head, tuple(rows))


def ten_words(model: Model, bank: Bank, trials: Sequence[Trial], data: Path) -> Table:
    """The model's own words on the official test clips, without and with all taught words beside them."""
    mfcc, truth = read_test(data / "test.csv", model.card.labels, model.card.features)
    is_word = truth < len(model.card.keywords)
    outputs, truth = outputs_of(model, mfcc[is_word]), truth[is_word]
    alone, _ = own_words_right(model, bank, (), outputs, truth)
    rows = [("without", str(Share(int(alone.sum()), len(truth))), "")]
    for n_takes in N_TAKES:
        right = fired = n = 0
        for seed in sorted({trial.seed for trial in trials}):
            words = [(one.weights, one.bias) for one in trials if (one.n_takes, one.seed) == (n_takes, seed)]
            kept, passes = own_words_right(model, bank, words, outputs, truth)
            right, fired, n = right + int(kept.sum()), fired + int(passes.sum()), n + len(truth)
        rows.append((f"with all six, from {n_takes} takes", str(Share(right, n)), str(Share(fired, n))))
    head = ("taught words", "the ten words right", "a taught word passes its threshold")
    return Table("The ten words, official test clips", head, tuple(rows))


if __name__ == "__main__":
    sys.exit(main())
