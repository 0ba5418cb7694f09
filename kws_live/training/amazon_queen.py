"""The sentences of the game "Flight of the Amazon Queen", as Debian packages it: talk by actors.

Its data lie in one file, ``queen.1c``, that starts with a table; numbers are big-endian:

=======  ==========================================================================
4 bytes  ``QTBL``
9 bytes  version, features, language and compression
2 bytes  number of entries
21 each  name (12 bytes, zeros after it), a byte, offset and size in the file
=======  ==========================================================================

Entries whose names end in ``.SB`` are MP3.
"""

import io
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ, Samples, to_mono
from kws_live.errors import DatasetError

HEADER: Final = struct.Struct(">4s9xH")
ENTRY: Final = struct.Struct(">12sxII")


def unpack_sentences(game: Path, transcripts: Path, folder: Path) -> int:
    """Write a game's sentences in LibriSpeech's layout: FLAC at 16 kHz, a folder for each two letters of their names.

    Parameters
    ----------
    game : ``queen.1c``
    transcripts : a line for each sentence to write: name of the entry without ``.SB``, what is said
    folder : Path
        Where they go; made whole or not at all.

    Returns
    -------
    int
        Sentences written.

    Raises
    ------
    DatasetError
        If a file cannot be read, the game is not laid out as above, or lacks an entry.
    """
    import soundfile

    try:
        data = game.read_bytes()
        lines = transcripts.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{error.filename if isinstance(error, OSError) else transcripts} cannot be read") from error
    entries = dict(_entries(game, data))
    partial = folder.with_name(folder.name + ".writing")
    shutil.rmtree(partial, ignore_errors=True)
    for line in lines:
        name = line.partition(" ")[0]
        if name not in entries:
            raise DatasetError(
                f"{game} has no sentence {name!r}, which {transcripts} names; they belong to two versions"
            )
        chapter = partial / name[:2]
        chapter.mkdir(parents=True, exist_ok=True)
        soundfile.write(chapter / f"{name}.flac", _decode(game, name, entries[name]), SPEECH_RATE_HZ)
    for chapter in partial.iterdir():
        said = [line for line in lines if line.startswith(chapter.name)]
        (chapter / f"{chapter.name}.trans.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    partial.replace(folder)
    return len(lines)


def _entries(game: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and MP3 of each sentence."""
    if len(data) < HEADER.size or HEADER.unpack_from(data)[0] != b"QTBL":
        raise DatasetError(f"{game} is not the game's data: it does not start with QTBL")
    n_entries = HEADER.unpack_from(data)[1]
    if len(data) < HEADER.size + n_entries * ENTRY.size:
        raise DatasetError(f"{game} ends within its table; fetch it again")
    for i in range(n_entries):
        raw, offset, size = ENTRY.unpack_from(data, HEADER.size + i * ENTRY.size)
        name = raw.rstrip(b"\0").decode("latin-1")
        if name.endswith(".SB"):
            yield name.removesuffix(".SB"), data[offset : offset + size]


def _decode(game: Path, name: str, content: bytes) -> Samples:
    import soundfile
    import soxr

    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except RuntimeError as error:
        raise DatasetError(f"{game}: sentence {name!r} cannot be decoded: {error}") from error
    return np.asarray(soxr.resample(to_mono(samples), rate, SPEECH_RATE_HZ), dtype=np.float32)
