"""Transcripts of recorded talk, and the stretches without certain words.

Transcripts are in LibriSpeech format: ``*.trans.txt`` next to the recordings, a line for each, with its name and words.
If word times are known, the windows of a sentence that do not contain a keyword can still be used.
Times are in ``*.words.jsonl``, a line of JSON for each recording: name, and words, each with begin and end in seconds
and the recogniser's probability.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_live.errors import DatasetError

MARGIN_SECONDS: Final = 0.15
"""Tolerance for a recogniser's times."""

LEAST_PROBABILITY: Final = 0.45
"""Minimum mean over a recording's words; below it they are guesses, and a keyword may have been misrecognised."""


@dataclass(frozen=True)
class Word:
    """A word from a recogniser, in upper case."""

    text: str
    begin_seconds: float
    end_seconds: float
    probability: float


@dataclass(frozen=True)
class Talk:
    """A recording of talk, and the time spans of unwanted words in it."""

    path: Path
    unwanted: tuple[tuple[float, float], ...] = ()

    def is_clear(self, begin_seconds: float, end_seconds: float) -> bool:
        """Whether no unwanted word overlaps this span."""
        return all(end_seconds <= begin or end <= begin_seconds for begin, end in self.unwanted)


def talk_without(
    speaker_folder: Path, words: Collection[str], times: Mapping[str, Sequence[Word]] | None = None
) -> Iterator[Talk]:
    """Yield the recordings of a speaker, except those with one of these words at an unknown time.

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
    """Read name -> words of each recording.

    Raises
    ------
    DatasetError
        If a file has an unexpected layout.
    """
    times: dict[str, list[Word]] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                times[row["name"]] = [Word(plain(text), float(b), float(e), float(p)) for text, b, e, p in row["words"]]
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(f"{path}, line {number} is not a list of words of a recording: {error}") from error
    return times


def plain(text: str) -> str:
    """Return a word in transcript form: upper case, letters and apostrophes only."""
    return re.sub(r"[^A-Z']", "", text.upper())
