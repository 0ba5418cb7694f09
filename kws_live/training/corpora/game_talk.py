"""Speech by actors, extracted from the data files of games packaged by Debian."""

import io
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_RATE_HZ, Samples, to_mono
from kws_live.errors import DatasetError
from kws_live.system.saving import replacing_folder
from kws_live.training.corpora import rnc

Sentences = Iterator[tuple[str, Samples]]
"""Name and samples at 16 kHz of each sentence."""

LEAST_SAMPLES: Final = SPEECH_RATE_HZ
"""Minimum length of a sentence: a window."""

DIALOG: Final = re.compile(r'dialogId\("([^"]+)".*?dialogStr\("((?:[^"\\]|\\.)*)"\)', re.DOTALL)
"""In Lua: the name, and the text in English, then in the language of the file."""

SOUNDS_LIKE: Final = {("nl", "OF"): "OFF", ("nl", "OP"): "UP", ("nl", "NOU"): "NO"}
"""Words of other languages that sound like a keyword with another spelling."""

QUEEN_HEADER: Final = struct.Struct(">4s9xH")
QUEEN_ENTRY: Final = struct.Struct(">12sxII")

SKY_SPEECH: Final = range(50_000, 59_000)
"""Numbers of the entries that contain sentences."""
SKY_HEADER_BYTES: Final = 22
SKY_RATE_HZ: Final = 11_025


def write_sentences(package: Path, folder: Path) -> int:
    """Write a game's sentences as FLAC at 16 kHz, in folders named by the first two letters.

    Parameters
    ----------
    package : unpacked Debian package; its name is one of `GAMES`
    folder : Path
        Destination; created completely or not at all.

    Returns
    -------
    int
        Number of sentences written; those shorter than a second are skipped.

    Raises
    ------
    DatasetError
        If the game's files cannot be read or have an unexpected layout.
    """
    import soundfile

    n_written = 0
    with replacing_folder(folder) as new:
        for name, samples in GAMES[package.name](package):
            if samples.size >= LEAST_SAMPLES:
                chapter = new / name[:2]
                chapter.mkdir(exist_ok=True)
                soundfile.write(chapter / f"{name}.flac", samples, SPEECH_RATE_HZ)
                n_written += 1
        if not n_written:
            raise DatasetError(f"{package} has no sentences; fetch it again")
    return n_written


def write_transcripts(lines: Iterable[str], folder: Path) -> None:
    """Write transcripts next to the sentences in LibriSpeech format: a line for each, with its name and its words."""
    lines = sorted(lines)
    for chapter in folder.iterdir():
        said = [line for line in lines if line.startswith(chapter.name)]
        (chapter / f"{chapter.name}.trans.txt").write_text("\n".join(said) + "\n", encoding="utf-8")


def amazon_queen(package: Path) -> Sentences:
    """Sentences of "Flight of the Amazon Queen".

    ``queen.1c`` starts with ``QTBL``, 9 bytes (version, features, language, compression), the number of entries and the
    entries: name (12 bytes, zero-padded), a byte, offset and size in the file; numbers are big-endian. Those whose
    names end in ``.SB`` are MP3.
    """
    path = package / "usr/share/scummvm" / package.name / "queen.1c"
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
            yield name.removesuffix(".SB"), _decode(f"{path}: {name}", io.BytesIO(data[offset : offset + size]))


def steel_sky(package: Path) -> Sentences:
    """Sentences of "Beneath a Steel Sky".

    ``sky.dnr`` contains the number of entries (4 bytes) and the entries, little-endian: number (2 bytes), offset in
    ``sky.dsk`` (3 bytes; the highest bit: in units of 16 bytes), size (3 bytes, of which the upper two bits are flags).
    A sentence is a header of 22 bytes and unsigned 8-bit samples, packed (`kws_live.training.corpora.rnc`).
    """
    game = package / "usr/share/scummvm" / package.name
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


def fish_fillets(package: Path) -> Sentences:
    """Sentences of "Fish Fillets" in one language: Ogg files in a folder per level and in shared folders."""
    for path in sorted((package / "usr/share/games/fillets-ng/sound").rglob("*.ogg")):
        yield f"{path.parents[1].name}-{path.stem}", _decode(str(path), path)


def fish_fillets_transcripts(package: Path, language: str) -> Iterator[str]:
    """Yield the transcripts of "Fish Fillets", a line per sentence: its name and its words.

    Parameters
    ----------
    package : Debian's fillets-ng-data, unpacked
    language : cs or nl
    """
    for path in sorted((package / "usr/share/games/fillets-ng/script").rglob(f"dialogs_{language}.lua")):
        for name, text in DIALOG.findall(path.read_text(encoding="utf-8", errors="replace")):
            words = re.findall(r"[^\W\d_]+", text.upper())
            heard = [SOUNDS_LIKE.get((language, word), word) for word in words]
            yield " ".join([f"{path.parent.name}-{name}", *heard])


GAMES: Final[Mapping[str, Callable[[Path], Sentences]]] = {
    "flight-of-the-amazon-queen": amazon_queen,
    "beneath-a-steel-sky": steel_sky,
    "fillets-ng-data-cs": fish_fillets,
    "fillets-ng-data-nl": fish_fillets,
}
"""Debian package -> reader of its sentences."""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error


def _decode(name: str, file: Path | io.BytesIO) -> Samples:
    import soundfile

    try:
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{name} cannot be decoded: {error}") from error
    return _at_speech_rate(to_mono(samples), rate)


def _at_speech_rate(samples: NDArray[np.float32], rate_hz: int) -> Samples:
    import soxr

    return np.asarray(soxr.resample(samples, rate_hz, SPEECH_RATE_HZ), dtype=np.float32)
