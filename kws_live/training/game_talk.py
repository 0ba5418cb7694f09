"""Talk by actors: the sentences of two adventure games that Debian packages, out of the files that hold them."""

import io
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_RATE_HZ, Samples, to_mono
from kws_live.errors import DatasetError
from kws_live.training import rnc

Sentences = Iterator[tuple[str, Samples]]
"""Name and samples at 16 kHz of each."""

LEAST_SAMPLES: Final = SPEECH_RATE_HZ
"""Of a sentence that is used: a window."""

QUEEN_HEADER: Final = struct.Struct(">4s9xH")
QUEEN_ENTRY: Final = struct.Struct(">12sxII")

SKY_SPEECH: Final = range(50_000, 59_000)
"""Numbers of the entries that are sentences."""
SKY_HEADER_BYTES: Final = 22
SKY_RATE_HZ: Final = 11_025


def write_sentences(package: Path, folder: Path) -> int:
    """Write a game's sentences as FLAC at 16 kHz, a folder for each two letters of their names.

    Parameters
    ----------
    package : what Debian's package holds, unpacked; its name is one of `GAMES`
    folder : Path
        Where they go; made whole or not at all.

    Returns
    -------
    int
        Sentences written; those shorter than a second are left out.

    Raises
    ------
    DatasetError
        If the game's files cannot be read or are not laid out as they should be.
    """
    import soundfile

    partial = folder.with_name(folder.name + ".writing")
    shutil.rmtree(partial, ignore_errors=True)
    n_written = 0
    for name, samples in GAMES[package.name](package / "usr/share/scummvm" / package.name):
        if samples.size >= LEAST_SAMPLES:
            chapter = partial / name[:2]
            chapter.mkdir(parents=True, exist_ok=True)
            soundfile.write(chapter / f"{name}.flac", samples, SPEECH_RATE_HZ)
            n_written += 1
    if not n_written:
        raise DatasetError(f"{package} has no sentences; fetch it again")
    partial.replace(folder)
    return n_written


def write_transcripts(transcripts: Path, folder: Path) -> None:
    """Put what is said beside the sentences: a line for each, its name and the words, as LibriSpeech has them.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    lines = _read(transcripts).decode().splitlines()
    for chapter in folder.iterdir():
        said = [line for line in lines if line.startswith(chapter.name)]
        (chapter / f"{chapter.name}.trans.txt").write_text("\n".join(said) + "\n", encoding="utf-8")


def amazon_queen(game: Path) -> Sentences:
    """Sentences of "Flight of the Amazon Queen".

    ``queen.1c`` starts with ``QTBL``, 9 bytes (version, features, language, compression), the number of entries and the
    entries: name (12 bytes, zeros after it), a byte, offset and size in the file; numbers are big-endian. Those whose
    names end in ``.SB`` are MP3.
    """
    path = game / "queen.1c"
    data = _read(path)
    if len(data) < QUEEN_HEADER.size or QUEEN_HEADER.unpack_from(data)[0] != b"QTBL":
        raise DatasetError(f"{path} is not the game's data: it does not start with QTBL")
    n_entries = QUEEN_HEADER.unpack_from(data)[1]
    if len(data) < QUEEN_HEADER.size + n_entries * QUEEN_ENTRY.size:
        raise DatasetError(f"{path} ends within its table; fetch it again")
    for i in range(n_entries):
        raw, offset, size = QUEEN_ENTRY.unpack_from(data, QUEEN_HEADER.size + i * QUEEN_ENTRY.size)
        name = raw.rstrip(b"\0").decode("latin-1")
        if name.endswith(".SB"):
            yield name.removesuffix(".SB"), _decode_mp3(path, name, data[offset : offset + size])


def steel_sky(game: Path) -> Sentences:
    """Sentences of "Beneath a Steel Sky".

    ``sky.dnr`` holds the number of entries (4 bytes) and the entries, little-endian: number (2 bytes), offset in
    ``sky.dsk`` (3 bytes; the highest bit: in units of 16 bytes), size (3 bytes, of which the upper two bits are flags).
    A sentence is a header of 22 bytes and 8-bit samples without sign, packed (`kws_live.training.rnc`).
    """
    table, data = _read(game / "sky.dnr"), _read(game / "sky.dsk")
    n_entries = int.from_bytes(table[:4], "little")
    if len(table) < 4 + 8 * n_entries:
        raise DatasetError(f"{game / 'sky.dnr'} ends within its table; fetch it again")
    for number, low, high, size_low, size_high in struct.iter_unpack("<HHBHB", table[4 : 4 + 8 * n_entries]):
        if number not in SKY_SPEECH:
            continue
        offset = (high & 0x7F) << 16 | low
        begin = offset * 16 if high & 0x80 else offset
        size = (size_high & 0x3F) << 16 | size_low
        try:
            unpacked = rnc.unpack(data[begin + SKY_HEADER_BYTES : begin + size])
        except DatasetError as error:
            raise DatasetError(f"{game / 'sky.dsk'}, sentence {number}: {error}") from error
        samples = np.frombuffer(unpacked, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
        yield str(number), _at_speech_rate(samples, SKY_RATE_HZ)


GAMES: Final[Mapping[str, Callable[[Path], Sentences]]] = {
    "flight-of-the-amazon-queen": amazon_queen,
    "beneath-a-steel-sky": steel_sky,
}
"""Debian's package -> the sentences in the folder of its data."""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error


def _decode_mp3(path: Path, name: str, content: bytes) -> Samples:
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except RuntimeError as error:
        raise DatasetError(f"{path}: sentence {name!r} cannot be decoded: {error}") from error
    return _at_speech_rate(to_mono(samples), rate)


def _at_speech_rate(samples: NDArray[np.float32], rate_hz: int) -> Samples:
    import soxr

    return np.asarray(soxr.resample(samples, rate_hz, SPEECH_RATE_HZ), dtype=np.float32)
