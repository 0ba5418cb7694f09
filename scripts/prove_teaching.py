"""Measure words taught from a few takes; writes tables and a report.

DATA contains own_words/<word>/ (recordings of six words), words/<word>/ and words.csv (36 words, most with speakers),
speech/librispeech/, talk/, noise/, test/ and test.csv. Of the speech, only speakers are used that serve neither as
negatives nor for the choice of a bias (scripts/teaching_speech.py).

  scripts/prove_teaching DATA --report models/commands-12/teaching.md
  scripts/prove_teaching DATA --from-text                 also words taught from synthetic voices
  scripts/prove_teaching DATA --peer VENV/bin/python      local-wake 0.1.2 on the same takes and streams

Everything runs through the live pipeline. The networks run only once on every stream (--keep FOLDER: once for
all runs); each taught word's scores are then computed as its model would, and the decision runs on them.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from marked_text import put_between
from teaching_pairs import pairs
from teaching_peer import peer_table
from teaching_scores import Heard, Network, Trial, threshold_at
from teaching_streams import PAUSE_SECONDS, TOLERANCE_SECONDS, Stream, clips_stream, negatives
from teaching_trials import KINDS, MAIN, Clip, Word, taught, trials_of, words_in
from teaching_words import in_noise, other_words, ten_words

from kws_live.cli.progress import progress
from kws_live.enrolment.expectation import THRESHOLD
from kws_live.enrolment.spoken_takes import PROVED, SHARES, speak_takes
from kws_live.enrolment.teaching import Teacher
from kws_live.evaluation.intervals import Rate, Share
from kws_live.evaluation.report import Table
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.spotting.decision_settings import Mode
from kws_live.synthesis import installed_voices
from kws_live.system.saving import write_file

FROM_TEXT: Final = "from text"
GUIDE: Final = Path(__file__).parent.parent / "kws_live" / "guide" / "teaching.md"
MARKS: Final = ("<!-- measured by scripts/prove_teaching -->", "<!-- end of what was measured -->")
OPERATING: Final[tuple[tuple[Mode, float], ...]] = (("command", 1.0), ("spotting", 4.0))
"""False accepts per hour at which each mode is compared."""


@dataclass(frozen=True)
class Outcome:
    """Result of one trial in one mode.

    Attributes
    ----------
    hits_at : hits at ``threshold``, which gives the mode's rate of false accepts
    hits, false : hits and false accepts at the shipped threshold
    n : number of clips
    hours : of talk and noise
    """

    hits_at: int
    threshold: float
    hits: int
    false: int
    n: int
    hours: float


def main(arguments: Sequence[str] | None = None) -> int:
    given = parsed(arguments)
    model = load_model(given.model)
    teacher = Teacher(model)
    network = Network.of(model, teacher.bank)
    words = list(words_in(given.data, given.people))
    talk = list(negatives(model, given.data, given.keep))
    spoken = {word.name: clips_stream(model, [clip.path for clip in word.tried], given.keep) for word in words}
    trials = [trial for word in words for trial in trials_of(model, teacher, word, given.seeds)]
    recorded = tuple(trials)
    if given.from_text:
        trials += [trial for word in words if word.corpus == "own_words" for trial in from_text(model, teacher, word)]
    outcomes = [
        (trial, mode, one)
        for trial in with_bar(trials)
        for mode, one in judged(network, trial, talk, spoken[trial.word])
    ]
    corpora = {word.name: word.corpus for word in words}
    main_trials = [trial for trial in recorded if trial.kind == MAIN]
    thresholds = {id(trial): one.threshold for trial, mode, one in outcomes if mode == "command"}
    tables = [
        summary(outcomes, corpora),
        by_word(outcomes, corpora),
        other_words(network, main_trials, thresholds, spoken),
        pairs(model, teacher),
        in_noise(model, network, main_trials, thresholds, words, given.data, given.keep),
        ten_words(
            model, network, [one for one in main_trials if corpora[one.word] == "own_words"], given.data, given.keep
        ),
    ]
    if given.peer:
        few = [one for one in main_trials if corpora[one.word] == "own_words" and one.seed == 0]
        tables.append(peer_table(given.peer, few, talk, {one.word: spoken[one.word] for one in few}))
    text = heading(given, sum(stream.run.seconds for stream in talk) / 3600)
    text += "\n".join(table.markdown() for table in tables)
    print(text)
    if given.report:
        write_file(given.report, text)
        write_card(model.folder, replace(model.card, figures={**model.card.figures, PROVED: proved(outcomes, corpora)}))
        put_between(GUIDE, for_the_guide(outcomes, corpora), *MARKS)
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", default="commands-12", help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="draws of takes (default: %(default)s)")
    parser.add_argument("--people", type=int, default=20, help="people per word of words/ (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="save the networks' output, and reuse it next time")
    parser.add_argument("--from-text", action="store_true", help="also teach from the written words")
    parser.add_argument("--peer", metavar="PYTHON", help="Python of an environment with local-wake")
    parser.add_argument("--report", type=Path, metavar="FILE", help="Markdown file to write")
    return parser.parse_args(arguments)


def with_bar(trials: Sequence[Trial]) -> Iterator[Trial]:
    with progress("decisions") as on_progress:
        for number, trial in enumerate(trials):
            on_progress(number, len(trials))
            yield trial


def heading(given: argparse.Namespace, hours: float) -> str:
    options = (" --from-text" if given.from_text else "") + (" --peer PYTHON" if given.peer else "")
    spoken = (
        "\nFrom text: no recorded takes, but the word's name read by the synthesisers of this machine\n"
        f"({', '.join(synthesisers())}); every clip counts.\n"
        if given.from_text
        else ""
    )
    return f"""# Taught words, measured

Written by `scripts/prove_teaching DATA --seeds {given.seeds} --people {given.people}{options}`. own_words: six words by
several people (Shawn Hymel, CC BY 4.0), takes drawn at random, tested on all others. words: 32 Arabic words by
30 people (Arabic Speech Commands, Ghandoura, CC BY 4.0) and four English ones (Picovoice, Apache-2.0), a clip each of
{given.people} people, except those who gave takes. Taught to {given.model}; {given.seeds} draws.
A hit: the word fires during a clip, or within {TOLERANCE_SECONDS:g} s after it; the clips are
{PAUSE_SECONDS:g} s apart, half of it in each clip's room. False accepts: on {hours:.2f} hours of read speech
(LibriSpeech), household noise (ESC-10) and the noises of Speech Commands, by speakers used neither as negatives nor for
a bias, not counted where the transcript has the word. All through the live pipeline; 95 % intervals,
as if the draws were independent.
{spoken}
"""


def from_text(model: Model, teacher: Teacher, word: Word) -> Iterator[Trial]:
    """Teach a word from synthetic voices that read its name: of all synthesisers, then of each one alone."""
    for kind, shares in (
        (FROM_TEXT, SHARES),
        *((alone(engine), {engine: SHARES[engine]}) for engine in synthesisers()),
    ):
        takes = speak_takes(word.name.replace("_", " "), shares=shares)
        yield taught(model, teacher, word, [(Clip(Path(), ""), take) for take in takes], kind)


def synthesisers() -> list[str]:
    """Return the names of those on this machine."""
    return sorted({voice.engine for voice in installed_voices()})


def alone(engine: str) -> str:
    """Return the kind of the takes that one synthesiser made."""
    return f"{FROM_TEXT}, {engine}"


def judged(network: Network, trial: Trial, talk: Sequence[Stream], spoken: Stream) -> Iterator[tuple[Mode, Outcome]]:
    """Yield hits and false accepts of a trial, with the model's other words active: in both modes for the main kind."""
    false = [Heard(network, trial, stream) for stream in talk]
    own = Heard(network, trial, spoken)
    for mode, per_hour in OPERATING if trial.kind == MAIN else OPERATING[:1]:
        threshold = threshold_at(false, mode, per_hour)
        hits, n = own.hits(mode, THRESHOLD)
        yield (
            mode,
            Outcome(
                hits_at=own.hits(mode, threshold)[0],
                threshold=threshold,
                hits=hits,
                false=sum(one.false(mode, THRESHOLD) for one in false),
                n=n,
                hours=sum(stream.run.seconds for stream in talk) / 3600,
            ),
        )


Outcomes = Sequence[tuple[Trial, str, Outcome]]


def per_word(outcomes: Outcomes, corpora: dict[str, str], corpus: str, kind: str, mode: str) -> dict[str, Share]:
    """Return the hits of each word at its mode's rate of false accepts."""
    found: dict[str, Share] = {}
    for trial, how, one in outcomes:
        if (corpora[trial.word], trial.kind, how) == (corpus, kind, mode):
            found[trial.word] = found.get(trial.word, Share(0, 0)) + Share(one.hits_at, one.n)
    return found


def proved(outcomes: Outcomes, corpora: dict[str, str]) -> dict[str, float]:
    """Return mean shares of hits at one false accept per hour in command mode, for the card."""
    shares = {}
    for kind, key in ((MAIN, "5 takes"), (FROM_TEXT, FROM_TEXT)):
        each = per_word(outcomes, corpora, "own_words", kind, "command")
        if each:
            shares[key] = round(float(np.mean([share.value for share in each.values()])), 4)
    return shares


def for_the_guide(outcomes: Outcomes, corpora: dict[str, str]) -> str:
    """Return the hits at one false accept per hour, in command mode."""
    lines = []
    for kind in (*KINDS, FROM_TEXT):
        cells = []
        for corpus, words in (("own_words", "English words"), ("words", "words, most of them Arabic")):
            each = per_word(outcomes, corpora, corpus, kind, "command")
            if each:
                cells.append(f"{100 * np.mean([share.value for share in each.values()]):.0f} % of {len(each)} {words}")
        if cells:
            lines.append(f"- {kind}: {', '.join(cells)}\n")
    return (
        "Recordings in which the word fired, in command mode at one false accept per hour, by people who\n"
        "gave no take, where they are known:\n\n" + "".join(lines)
    )


def summary(outcomes: Outcomes, corpora: dict[str, str]) -> Table:
    rows = []
    for corpus in ("own_words", "words"):
        for kind in (*KINDS, FROM_TEXT, *map(alone, synthesisers())):
            for mode, rate in OPERATING:
                each = per_word(outcomes, corpora, corpus, kind, mode)
                if not each:
                    continue
                some = [one for trial, how, one in outcomes if (trial.kind, how) == (kind, mode) and trial.word in each]
                values = [100 * share.value for share in each.values()]
                rows.append(
                    (
                        f"{corpus} ({len(each)}), {kind}, {mode} mode, {rate:g}/h",
                        f"{np.mean(values):.1f} %",
                        f"{min(values):.0f} %",
                        str(sum(each.values(), Share(0, 0))),
                        str(Share(sum(one.hits for one in some), sum(one.n for one in some))),
                        str(Rate(sum(one.false for one in some), sum(one.hours for one in some))),
                    )
                )
    head = (
        "words, takes, mode, false accepts",
        "hits, mean over words",
        "worst word",
        "hits",
        "hits, as shipped",
        "false accepts, as shipped",
    )
    return Table("All words", head, tuple(rows))


def by_word(outcomes: Outcomes, corpora: dict[str, str]) -> Table:
    rows = []
    for word in sorted(corpora, key=lambda name: (corpora[name], name)):
        cells = []
        for mode, _ in OPERATING:
            share = per_word(outcomes, corpora, corpora[word], MAIN, mode).get(word)
            cells.append(f"{100 * share.value:.1f} % of {share.n}" if share else "")
        rows.append((word, *cells))
    return Table(f"Hits, {MAIN}", ("word", *(f"{mode}, {rate:g}/h" for mode, rate in OPERATING)), tuple(rows))


if __name__ == "__main__":
    sys.exit(main())
