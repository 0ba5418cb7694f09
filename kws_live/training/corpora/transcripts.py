"""What is said in recordings of talk, and where in them some words are not.

Transcripts are as LibriSpeech has them: ``*.trans.txt`` beside the recordings, a line for each, its name and the words.
Where the times of the words are known as well a sentence with a keyword keeps the windows that the keyword is not in.
They lie in ``*.words.jsonl``, a line of JSON for each recording: name, and words, each with begin and end in seconds
and the probability that a recogniser gave it.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_live.errors import DatasetError

MARGIN_SECONDS: Final = 0.15
"""By which a recogniser's times may be wrong."""

LEAST_PROBABILITY: Final = 0.45
"""Of a recording's words on average: below it they are guesses, and a keyword may be among what was misheard."""


@dataclass(frozen=True)
class Word:
    """A word as a recogniser heard it, in upper case."""

    text: str
    begin_seconds: float
    end_seconds: float
    probability: float


@dataclass(frozen=True)
class Talk:
    """A recording of talk, and from when to when in it one of the words is said that must not be."""

    path: Path
    unwanted: tuple[tuple[float, float], ...] = ()

    def is_clear(self, begin_seconds: float, end_seconds: float) -> bool:
        """Whether none of these words is said then, not even in part."""
        return all(end_seconds <= begin or end <= begin_seconds for begin, end in self.unwanted)


def talk_without(
    speaker_folder: Path, words: Collection[str], times: Mapping[str, Sequence[Word]] | None = None
) -> Iterator[Talk]:
    """Recordings of a speaker, without those in which one of these words is said at a time not known.

    Parameters
    ----------
    speaker_folder : with transcripts, at any depth
    words : in any case
    times : name of a recording -> its words; see `read_times`
    """
    unwanted = {word.upper() for word in words}
    for transcript in sorted(speaker_folder.rglob("[!.]*.trans.txt")):
        files = {path.stem: path for path in transcript.parent.iterdir() if path != transcript}
        for line in transcript.read_text(encoding="utf-8").splitlines():
            name, *said = line.split() or [""]
            if name not in files:
                continue
            if times and name in times:
                heard = times[name]
                if heard and sum(word.probability for word in heard) / len(heard) >= LEAST_PROBABILITY:
                    spans = [(word.begin_seconds, word.end_seconds) for word in heard if word.text in unwanted]
                    yield Talk(files[name], tuple((b - MARGIN_SECONDS, e + MARGIN_SECONDS) for b, e in spans))
            elif said and unwanted.isdisjoint(said):
                yield Talk(files[name])


def read_times(paths: Iterable[Path]) -> dict[str, list[Word]]:
    """Name of each recording -> its words.

    Raises
    ------
    DatasetError
        If a file is not laid out as it should be.
    """
    times: dict[str, list[Word]] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                times[row["name"]] = [Word(plain(text), float(b), float(e), float(p)) for text, b, e, p in row["words"]]
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(f"{path}, line {number} is not a recording's words: {error}") from error
    return times


def plain(text: str) -> str:
    """A word as transcripts have it: upper case, nothing but letters and apostrophes."""
    return re.sub(r"[^A-Z']", "", text.upper())
