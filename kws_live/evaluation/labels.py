"""Labels of a recording: a CSV with ``begin_seconds,end_seconds,word`` next to it.

``word`` is a keyword of the model, ``_unknown_`` (another word) or ``_speech_`` (running speech); what no row covers
is noise. The times are those of the word itself, not of the clip it came from.
"""

import csv
import io
import itertools
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kws_live.audio import SPEECH_LABEL, UNKNOWN
from kws_live.errors import DatasetError
from kws_live.system.saving import write_file
from kws_live.system.text_file import read_text

COLUMNS: Final = ("begin_seconds", "end_seconds", "word")
LARGEST_BYTES: Final = 64 * 2**20
ROUNDING_SECONDS: Final = 0.001
"""Tolerance for overlaps and for the end of the file, since times are rounded to three decimals."""


@dataclass(frozen=True)
class Label:
    """One word, or one stretch of running speech.

    Attributes
    ----------
    begin_seconds, end_seconds : of the sound, from the beginning of the recording
    word : a keyword, ``_unknown_`` or ``_speech_``
    clip : its origin, for information
    """

    begin_seconds: float
    end_seconds: float
    word: str
    clip: str = ""


def write_labels(path: Path, labels: Iterable[Label]) -> None:
    """Write the CSV, in the order given."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, "clip"))
    for label in labels:
        writer.writerow((f"{label.begin_seconds:.3f}", f"{label.end_seconds:.3f}", label.word, label.clip))
    write_file(path, text.getvalue().encode("utf-8", "backslashreplace"))


def read_labels(path: Path, keywords: Collection[str], seconds: float) -> tuple[Label, ...]:
    """Read and check the CSV of a recording.

    Parameters
    ----------
    path : the CSV
    keywords : of the model
    seconds : length of the recording

    Returns
    -------
    tuple of Label
        In order of time.

    Raises
    ------
    DatasetError
        If it cannot be read, a time is invalid or outside the recording, a word is unknown, or two overlap;
        the message gives the line.
    """
    labels: list[tuple[int, Label]] = []
    try:
        text = read_text(path, "labels", error=DatasetError, largest_bytes=LARGEST_BYTES)
        reader = csv.DictReader(io.StringIO(text))
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetError(f"{path} has no column {', '.join(missing)}; its first line must be {','.join(COLUMNS)}")
        for row in reader:
            labels.append((reader.line_num, _label(row, f"{path}, line {reader.line_num}", keywords, seconds)))
    except csv.Error as error:
        raise DatasetError(f"{path} cannot be read as a CSV of labels: {error}") from error
    labels.sort(key=lambda item: item[1].begin_seconds)
    for (_, first), (line, second) in itertools.pairwise(labels):
        if second.begin_seconds < first.end_seconds - ROUNDING_SECONDS:
            raise DatasetError(
                f"{path}, line {line}: {second.word!r} at {second.begin_seconds:g} s begins before {first.word!r} "
                f"ends at {first.end_seconds:g} s; words must not overlap"
            )
    return tuple(label for _, label in labels)


def _label(row: dict[str, str | None], where: str, keywords: Collection[str], seconds: float) -> Label:
    try:
        begin, end = float(row["begin_seconds"] or ""), float(row["end_seconds"] or "")
    except ValueError:
        given = f"{row['begin_seconds']!r} and {row['end_seconds']!r}"
        raise DatasetError(f"{where}: begin and end must be seconds such as 1.25, not {given}") from None
    word = (row["word"] or "").strip()
    if not (math.isfinite(begin) and math.isfinite(end) and 0 <= begin < end):
        raise DatasetError(
            f"{where}: {word!r} from {begin:g} to {end:g} s; it must begin at 0 or later and end after that"
        )
    if end > seconds + ROUNDING_SECONDS:
        raise DatasetError(f"{where}: {word!r} ends at {end:g} s, but the recording ends at {seconds:.3f} s")
    if word not in keywords and word not in (UNKNOWN, SPEECH_LABEL):
        known = ", ".join((*keywords, UNKNOWN, SPEECH_LABEL))
        raise DatasetError(f"{where}: unknown word {word!r}; this model has: {known}")
    return Label(begin, end, word, row.get("clip") or "")
