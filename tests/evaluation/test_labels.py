from pathlib import Path

import pytest

from kws_live.errors import DatasetError
from kws_live.evaluation.labels import Label, read_labels, write_labels

WORDS = ("yes", "no")


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("begin_seconds,end_seconds,word", *rows)) + "\n", encoding="utf-8")
    return path


def test_what_is_written_is_read_in_order_of_time(tmp_path: Path) -> None:
    labels = (Label(1.0, 1.5, "yes", "yes/a.wav"), Label(2.25, 3.0, "_unknown_"), Label(5.0, 9.125, "_speech_"))
    write_labels(tmp_path / "a.csv", reversed(labels))
    assert read_labels(tmp_path / "a.csv", WORDS, 10.0) == labels


@pytest.mark.twin("test_what_is_written_is_read_in_order_of_time")
def test_no_labels_are_none(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path / "a.csv"), WORDS, 10.0) == ()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("1,2,yes", "9.5,10.5,no"), r"a.csv, line 3: 'no' ends at 10.5 s, but the recording ends at 10.000 s"),
        (("1,2,yes", "1.9,3,no"), r"line 3: 'no' at 1.9 s begins before 'yes' ends at 2 s; words must not overlap"),
        (("1,2,maybe",), r"line 2: unknown word 'maybe'; this model has: yes, no, _unknown_, _speech_"),
        (("2,1,yes",), r"line 2: 'yes' from 2 to 1 s; it must begin at 0 or later and end after that"),
        (("-1,1,yes",), r"line 2: 'yes' from -1 to 1 s"),
        (("nan,1,yes",), r"line 2: 'yes' from nan to 1 s"),
        (("one,2,yes",), r"line 2: begin and end must be seconds such as 1.25, not 'one' and '2'"),
        (("1",), r"line 2: begin and end must be seconds such as 1.25, not '1' and None"),
    ],
)
def test_labels_that_cannot_be_are_refused_with_their_line(tmp_path: Path, rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_labels(write(tmp_path / "a.csv", *rows), WORDS, 10.0)


def test_a_file_that_is_no_table_of_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        read_labels(tmp_path / "absent.csv", WORDS, 1.0)
    (tmp_path / "b.csv").write_text("start,stop\n1,2\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="no column begin_seconds, end_seconds, word"):
        read_labels(tmp_path / "b.csv", WORDS, 1.0)
    (tmp_path / "c.csv").write_bytes(b"\xff\x00\x00\x01")
    with pytest.raises(DatasetError, match="not UTF-8 text"):
        read_labels(tmp_path / "c.csv", WORDS, 1.0)
