"""Material for streams: clips of words, noise and talk, found in folders or through a CSV."""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_live.audio import SILENCE
from kws_live.errors import ConfigError, DatasetError
from kws_live.evaluation.labels import LARGEST_BYTES
from kws_live.evaluation.talk import read_transcripts
from kws_live.sources.sound_folder import KINDS, sound_files, subfolders
from kws_live.system.text_file import read_text


@dataclass(frozen=True)
class Material:
    """Material for a stream.

    Attributes
    ----------
    words : keyword -> clips
    unknown : clips of other words
    noise : long or short recordings; empty: only the noise floor
    talk : utterances of running speech
    """

    words: dict[str, list[Path]]
    unknown: list[Path]
    noise: list[Path]
    talk: list[Path]


def find_material(
    clips: Path,
    keywords: Sequence[str],
    noise: Path | None = None,
    talk: Sequence[Path] = (),
    set_name: str | None = None,
) -> Material:
    """Find clips, noise and talk.

    Parameters
    ----------
    clips : a folder of class folders (other words count as unknown; ``_silence_`` is skipped), or a CSV
        with the columns ``path,word`` (paths relative to it) and optionally ``set``
    keywords : the words to detect
    noise : a folder of recordings, searched recursively
    talk : folders with LibriSpeech's ``*.trans.txt``; utterances that contain a keyword are skipped
    set_name : use only clips with this ``set`` in the CSV

    Raises
    ------
    DatasetError
        If there is nothing to build from.
    """
    found: dict[str, list[Path]] = {}
    for word, path in _from_csv(clips, set_name) if clips.suffix.lower() == ".csv" else _from_folders(clips, set_name):
        found.setdefault(word, []).append(path)
    words = {word: sorted(found[word]) for word in keywords if word in found}
    if not words:
        raise DatasetError(
            f"{clips} has no clip of {', '.join(keywords)}; it has: {', '.join(sorted(found)) or 'nothing'}"
        )
    unknown = sorted(
        path for word, paths in found.items() if word not in keywords and word != SILENCE for path in paths
    )
    noises = sound_files(noise, deep=True) if noise is not None else []
    if noise is not None and not noises:
        raise DatasetError(f"{noise} contains no sound files ({KINDS})")
    return Material(words, unknown, noises, [path for folder in talk for path in talk_without(folder, keywords)])


def _from_folders(folder: Path, set_name: str | None) -> Iterator[tuple[str, Path]]:
    if set_name is not None:
        raise ConfigError(f"class folders such as {folder} have no sets; for --set give a CSV with a column set")
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; give a folder with one folder of clips per word, or a CSV")
    for words in subfolders(folder):
        yield from ((words.name, path) for path in sound_files(words))


def _from_csv(path: Path, set_name: str | None) -> Iterator[tuple[str, Path]]:
    try:
        text = read_text(path, "a CSV of clips", error=DatasetError, largest_bytes=LARGEST_BYTES)
        reader = csv.DictReader(io.StringIO(text))
        needed = {"path", "word"} | ({"set"} if set_name is not None else set())
        if missing := sorted(needed - set(reader.fieldnames or ())):
            raise DatasetError(f"{path} has no column {', '.join(missing)}")
        for row in reader:
            if not (row["path"] and row["word"]):
                raise DatasetError(f"{path}, line {reader.line_num} has no path or no word")
            if set_name is None or row["set"] == set_name:
                yield row["word"], path.parent / row["path"]
    except csv.Error as error:
        raise DatasetError(f"{path} cannot be read as a CSV of clips: {error}") from error


def talk_without(folder: Path, words: Collection[str]) -> Iterator[Path]:
    """Yield utterances in LibriSpeech's layout whose transcript contains none of the words."""
    for path, text in read_transcripts(folder):
        if not {word.upper() for word in words} & set(text.split()):
            yield path
