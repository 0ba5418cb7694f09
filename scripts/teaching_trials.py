"""Words taught again and again for scripts/prove_teaching: by whom the takes are, and on whose clips they are tried."""

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
"""How many people give how many takes."""

MAIN: Final = "5 people, 5 takes"


@dataclass(frozen=True)
class Clip:
    """A recording of a word, and who speaks."""

    path: Path
    person: str


@dataclass(frozen=True)
class Word:
    """A word and its recordings.

    Attributes
    ----------
    name : the word
    clips : of it, which takes are drawn from
    tried : those among them that it is tried on, but for the people who gave takes
    corpus : the folder of DATA they lie in
    """

    name: str
    clips: tuple[Clip, ...]
    tried: tuple[Clip, ...]
    corpus: str


def words_in(data: Path, n_people: int) -> Iterator[Word]:
    """Every word of own_words/, tried on all its clips, and of words/, tried on one clip each of so many people."""
    with (data / "words.csv").open(encoding="utf-8", newline="") as file:
        speakers = {row["path"]: row["speaker"] for row in csv.DictReader(file)}
    for corpus in ("own_words", "words"):
        for folder in sorted(path for path in (data / corpus).iterdir() if path.is_dir()):
            # Where the person is not known, each recording counts as another one's.
            clips = tuple(
                Clip(path, speakers.get(f"{corpus}/{folder.name}/{path.name}") or path.name)
                for path in sound_files(folder)
            )
            yield Word(folder.name, clips, clips if corpus == "own_words" else one_of_each(clips, n_people), corpus)


def one_of_each(clips: Sequence[Clip], n: int) -> tuple[Clip, ...]:
    """A clip each of so many people, drawn at random."""
    rng = np.random.default_rng(0)
    of_people = {clips[i].person: clips[i] for i in rng.permutation(len(clips))}
    return tuple(sorted([*of_people.values()][:n], key=lambda clip: clip.path))


def trials_of(
    model: Model, teacher: Teacher, word: Word, n_seeds: int, kinds: Sequence[str] = tuple(KINDS)
) -> Iterator[Trial]:
    """Teach a word from takes of so many people, drawn at random among those that the judge accepts."""
    for kind in kinds:
        n_people, n_takes = KINDS[kind]
        for seed in range(n_seeds):
            takes = drawn(model, teacher, word, n_people, n_takes, np.random.default_rng([seed, n_people, n_takes]))
            if takes is not None:
                yield taught(model, teacher, word, takes, kind, seed)


def taught(
    model: Model, teacher: Teacher, word: Word, takes: Sequence[tuple[Clip, Take]], kind: str, seed: int = 0
) -> Trial:
    """Teach a word from these takes, to be tried on the clips of people who gave none."""
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
    """Takes by turns of so many people; None if nobody has so many that are accepted."""
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
