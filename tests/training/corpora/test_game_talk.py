"""The sentences of games, out of the files that hold them."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.errors import DatasetError
from kws_live.training.corpora.game_talk import fish_fillets_transcripts, write_sentences, write_transcripts
from kws_live.training.corpora.transcripts import talk_without
from tests.training.packing import pack

QUEEN = "flight-of-the-amazon-queen"
SKY = "beneath-a-steel-sky"
RATE_HZ = 11_025


def tone(pitch_hz: float, seconds: float = 2.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def mp3(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="MP3")
    return file.getvalue()


def data_folder(tmp_path: Path, package: str) -> Path:
    folder = tmp_path / package / "usr" / "share" / "scummvm" / package
    folder.mkdir(parents=True)
    return folder


def queen(tmp_path: Path, files: dict[str, bytes]) -> Path:
    """The table: names, then offsets counted from the start of the file, then the files."""
    offset = 15 + 21 * len(files)
    table = b"QTBL" + b"CEM10\0" + b"\0\0\1" + struct.pack(">H", len(files))
    for name, content in files.items():
        table += name.encode().ljust(12, b"\0") + b"\1" + struct.pack(">II", offset, len(content))
        offset += len(content)
    (data_folder(tmp_path, QUEEN) / "queen.1c").write_bytes(table + b"".join(files.values()))
    return tmp_path / QUEEN


def sky(tmp_path: Path, files: dict[int, bytes]) -> Path:
    """Every other file lies on a multiple of 16 bytes and says so."""
    table, data = struct.pack("<I", len(files)), bytearray(b"head")
    for i, (number, content) in enumerate(files.items()):
        data += bytes(-len(data) % 16)
        where = len(data) // 16 | 0x800000 if i % 2 else len(data)
        table += struct.pack("<H", number) + where.to_bytes(3, "little") + len(content).to_bytes(3, "little")
        data += content
    folder = data_folder(tmp_path, SKY)
    (folder / "sky.dnr").write_bytes(table)
    (folder / "sky.dsk").write_bytes(data)
    return tmp_path / SKY


def sky_sentence(samples: np.ndarray) -> bytes:
    raw = np.round(samples * 127 + 128).astype(np.uint8).tobytes()
    parts = [(raw[i : i + 30_000], None) for i in range(0, len(raw), 30_000)]
    return bytes(22) + pack([[part] for part in parts])


def a_queen(tmp_path: Path) -> Path:
    sentences = {"010001J1.SB": mp3(tone(440)), "ZOMBIE.ACT": b"a picture", "020001P1.SB": mp3(tone(880))}
    return queen(tmp_path, {**sentences, "020002P1.SB": mp3(tone(880, 0.5))})


def a_sky(tmp_path: Path) -> Path:
    sentences = {50_123: sky_sentence(tone(440)), 60_000: b"a picture", 51_000: sky_sentence(tone(880))}
    return sky(tmp_path, {**sentences, 51_001: sky_sentence(tone(880, 0.5))})


def fillets(tmp_path: Path) -> Path:
    sounds = tmp_path / "fillets-ng-data-nl" / "usr" / "share" / "games" / "fillets-ng" / "sound"
    for name, samples in (("city/nl/a", tone(440)), ("share/jokes/nl/a", tone(880)), ("city/nl/b", tone(880, 0.5))):
        path = sounds / f"{name}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE_HZ, format="OGG")
    return tmp_path / "fillets-ng-data-nl"


def pitch_of(path: Path) -> float:
    samples, rate = soundfile.read(path)
    assert rate == 16_000
    assert samples.size == pytest.approx(32_000, abs=2000)
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / samples.size)


@pytest.mark.parametrize(
    ("game", "names"),
    [
        (a_queen, ["010001J1", "020001P1"]),
        (a_sky, ["50123", "51000"]),
        (fillets, ["city-a", "jokes-a"]),
    ],
)
def test_each_sentence_of_a_second_becomes_a_recording(
    tmp_path: Path, game: Callable[[Path], Path], names: list[str]
) -> None:
    out = tmp_path / "out"
    assert write_sentences(game(tmp_path), out) == 2
    assert sorted(path.stem for path in out.rglob("*.flac")) == names
    for name, pitch_hz in zip(names, (440, 880), strict=True):
        assert pitch_of(out / name[:2] / f"{name}.flac") == pytest.approx(pitch_hz, abs=2)


def test_transcripts_lie_beside_the_sentences(tmp_path: Path) -> None:
    write_sentences(a_queen(tmp_path), tmp_path / "out")
    write_transcripts(["020001P1 GO HOME", "010001J1 WELL HELLO"], tmp_path / "out")
    assert [talk.path.stem for talk in talk_without(tmp_path / "out", ["go"])] == ["010001J1"]
    assert [talk.path.stem for talk in talk_without(tmp_path / "out", ["hello"])] == ["020001P1"]


def test_a_games_scripts_say_what_is_said_as_an_english_ear_hears_it(tmp_path: Path) -> None:
    script = tmp_path / "usr" / "share" / "games" / "fillets-ng" / "script" / "city" / "dialogs_nl.lua"
    script.parent.mkdir(parents=True)
    script.write_text(
        '\ndialogId("a", "font_big", "Off we go.")\ndialogStr("Daar gaan we.")\n\n'
        'dialogId("b-1", "font_big", "Left or \\"right\\"?")\ndialogStr("Links of \\"rechts\\", één?")\n'
    )
    assert list(fish_fillets_transcripts(tmp_path, "nl")) == ["city-a DAAR GAAN WE", "city-b-1 LINKS OFF RECHTS ÉÉN"]
    assert list(fish_fillets_transcripts(tmp_path, "cs")) == []


def test_sentences_that_were_being_written_when_it_was_killed_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "out.writing" / "99").mkdir(parents=True)
    write_sentences(a_sky(tmp_path), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["50", "51"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"RIFF" + bytes(40), "does not start with QTBL"),
        (b"", "does not start with QTBL"),
        (b"QTBL" + bytes(9) + b"\0\2" + bytes(30), "ends within its table"),
        (b"QTBL" + bytes(9) + b"\0\0", "has no sentences"),
        (b"QTBL" + bytes(9) + b"\0\1" + b"010001J1.SB\0\1\0\0\0\x24\0\0\0\4" + bytes(4), "cannot be decoded"),
        (None, "queen.1c cannot be read"),
    ],
)
def test_a_file_that_is_not_the_queens_is_refused_and_nothing_is_left(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = data_folder(tmp_path, QUEEN) / "queen.1c"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=complaint):
        write_sentences(tmp_path / QUEEN, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_the_skys_are_refused(tmp_path: Path) -> None:
    package = sky(tmp_path, {50_123: bytes(22) + b"not packed"})
    with pytest.raises(DatasetError, match=r"sky\.dsk, sentence 50123: packed data do not start"):
        write_sentences(package, tmp_path / "out")
    table = next(package.rglob("sky.dnr"))
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=r"sky\.dnr ends within its table"):
        write_sentences(package, tmp_path / "out")
