"""Trials for scripts/prove_teaching: the people who give the takes, and the clips on which the words are tried."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from teaching_scores import Trial

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.enrolment.expectation import longest_word
from kws_live.enrolment.judge import Judge
from kws_live.enrolment.takes import Take
from kws_live.enrolment.teaching import Teacher
from kws_live.model import Model
from kws_live.sources.recordings import read_mono
from kws_live.sources.sound_folder import sound_files

KINDS: Final = {
    "1 person, 3 takes": (1, 3),
    "3 people, 3 takes": (3, 3),
    "5 people, 5 takes": (5, 5),
}
"""Numbers of people and takes."""

MAIN: Final = "5 people, 5 takes"


@dataclass(frozen=True)
class Clip:
    """A recording of a word, and its speaker."""

    path: Path
    person: str


@dataclass(frozen=True)
class Word:
    """A word and its recordings.

    Attributes
    ----------
    name : the word
    clips : recordings from which takes are drawn
    tried : those on which it is tried, except for the people who gave takes
    corpus : their folder in DATA
    """

    name: str
    clips: tuple[Clip, ...]
    tried: tuple[Clip, ...]
    corpus: str


def words_in(data: Path, n_people: int) -> Iterator[Word]:
    """Yield the words of own_words/, tried on all clips, and of words/, tried on a clip each of ``n_people`` people."""
    with (data / "words.csv").open(encoding="utf-8", newline="") as file:
        speakers = {row["path"]: row["speaker"] for row in csv.DictReader(file)}
    for corpus in ("own_words", "words"):
        for folder in sorted(path for path in (data / corpus).iterdir() if path.is_dir()):
            # If the person is unknown, each recording counts as that of another person.
            clips = tuple(
                Clip(path, speakers.get(f"{corpus}/{folder.name}/{path.name}") or path.name)
                for path in sound_files(folder)
            )
            yield Word(folder.name, clips, clips if corpus == "own_words" else one_of_each(clips, n_people), corpus)


def one_of_each(clips: Sequence[Clip], n: int) -> tuple[Clip, ...]:
    """Draw a clip each of a number of people."""
    rng = np.random.default_rng(0)
    of_people = {clips[i].person: clips[i] for i in rng.permutation(len(clips))}
    return tuple(sorted([*of_people.values()][:n], key=lambda clip: clip.path))


def trials_of(
    model: Model, teacher: Teacher, word: Word, n_seeds: int, kinds: Sequence[str] = tuple(KINDS)
) -> Iterator[Trial]:
    """Teach a word from takes drawn at random among those accepted by the judge."""
    for kind in kinds:
        n_people, n_takes = KINDS[kind]
        for seed in range(n_seeds):
            takes = drawn(model, teacher, word, n_people, n_takes, np.random.default_rng([seed, n_people, n_takes]))
            if takes is not None:
                yield taught(model, teacher, word, takes, kind, seed)


def taught(
    model: Model, teacher: Teacher, word: Word, takes: Sequence[tuple[Clip, Take]], kind: str, seed: int = 0
) -> Trial:
    """Teach a word from these takes, to be tried on clips of other people."""
    people = {clip.person for clip, _ in takes}
    weights, bias = teacher.weights_of([take.features(model) for _, take in takes])
    return Trial(
        word=word.name,
        kind=kind,
        seed=seed,
        takes=tuple(str(clip.path) for clip, _ in takes),
        strangers=frozenset(clip.path.name for clip in word.tried if clip.person not in people),
        weights=weights,
        bias=bias,
        longest_word_seconds=longest_word(float(np.median([take.word_seconds for _, take in takes]))),
    )


def drawn(
    model: Model, teacher: Teacher, word: Word, n_people: int, n_takes: int, rng: np.random.Generator
) -> list[tuple[Clip, Take]] | None:
    """Draw takes in turn from a number of people; None if there are not enough accepted takes."""
    judge = Judge(teacher, model)
    people = list(dict.fromkeys(clip.person for clip in word.clips))
    order = [people[i] for i in rng.permutation(len(people))]
    shares = [n_takes // n_people + (i < n_takes % n_people) for i in range(n_people)]
    good: list[tuple[Clip, Take]] = []
    for person in order:
        if not shares:
            break
        clips = [clip for clip in word.clips if clip.person == person]
        own: list[tuple[Clip, Take]] = []
        for i in rng.permutation(len(clips)):
            take = Take.of(clips[i].path.name, read_mono(clips[i].path, SPEECH_RATE_HZ))
            if len(own) < shares[0] and judge.fault(take, [one for _, one in [*good, *own]]) is None:
                own.append((clips[i], take))
        if len(own) == shares[0]:
            good += own
            shares.pop(0)
    return None if shares else good
