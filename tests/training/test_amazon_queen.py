"""The sentences of a game, out of the one file that holds them."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.errors import DatasetError
from kws_live.training.amazon_queen import unpack_sentences
from kws_live.training.negatives import utterances_without

RATE_HZ = 11_025


def mp3(pitch_hz: float) -> bytes:
    file = io.BytesIO()
    tone = 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(2 * RATE_HZ) / RATE_HZ)
    soundfile.write(file, tone, RATE_HZ, format="MP3")
    return file.getvalue()


def write_game(path: Path, files: dict[str, bytes]) -> None:
    """The table: names, then offsets counted from the start of the file, then the files."""
    offset = 15 + 21 * len(files)
    table = b"QTBL" + b"CEM10\0" + b"\0\0\1" + struct.pack(">H", len(files))
    for name, content in files.items():
        table += name.encode().ljust(12, b"\0") + b"\1" + struct.pack(">II", offset, len(content))
        offset += len(content)
    path.write_bytes(table + b"".join(files.values()))


@pytest.fixture
def game(tmp_path: Path) -> Path:
    path = tmp_path / "queen.1c"
    write_game(path, {"010001J1.SB": mp3(440), "ZOMBIE.ACT": b"a picture", "020001P1.SB": mp3(880)})
    return path


def pitch_of(path: Path) -> float:
    samples, rate = soundfile.read(path)
    assert rate == 16_000
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / samples.size)


def test_each_sentence_becomes_a_recording_with_its_transcript(game: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    said.write_text("010001J1 WELL HELLO\n020001P1 GO HOME\n")
    assert unpack_sentences(game, said, tmp_path / "out") == 2
    assert pitch_of(tmp_path / "out" / "01" / "010001J1.flac") == pytest.approx(440, abs=2)
    assert pitch_of(tmp_path / "out" / "02" / "020001P1.flac") == pytest.approx(880, abs=2)
    assert [path.stem for path in utterances_without(tmp_path / "out", ["go"])] == ["010001J1"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"RIFF" + bytes(40), "does not start with QTBL"),
        (b"", "does not start with QTBL"),
        (b"QTBL" + bytes(9) + b"\0\2" + bytes(30), "ends within its table"),
        (b"QTBL" + bytes(9) + b"\0\0", "has no sentence '010001J1'"),
        (
            b"QTBL" + bytes(9) + b"\0\1" + b"010001J1.SB\0\1\0\0\0\x24\0\0\0\4" + bytes(4),
            "'010001J1' cannot be decoded",
        ),
    ],
)
def test_a_file_that_is_not_the_games_is_refused_and_nothing_is_left(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "queen.1c").write_bytes(content)
    (tmp_path / "said.txt").write_text("010001J1 WELL HELLO\n")
    with pytest.raises(DatasetError, match=complaint):
        unpack_sentences(tmp_path / "queen.1c", tmp_path / "said.txt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unpacking_that_was_killed_is_made_anew(game: Path, tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("010001J1 WELL HELLO\n")
    (tmp_path / "out.writing" / "99").mkdir(parents=True)
    unpack_sentences(game, tmp_path / "said.txt", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["01"]


@pytest.mark.parametrize("missing", ["queen.1c", "said.txt"])
def test_a_missing_file_is_named(game: Path, tmp_path: Path, missing: str) -> None:
    (tmp_path / "said.txt").write_text("010001J1 WELL HELLO\n")
    (tmp_path / missing).unlink()
    with pytest.raises(DatasetError, match=f"{missing} cannot be read"):
        unpack_sentences(game, tmp_path / "said.txt", tmp_path / "out")
