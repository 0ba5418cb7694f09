"""Which recordings of talk can be used, and which stretches of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from kws_live.errors import DatasetError
from kws_live.training.corpora.transcripts import Word, read_times, talk_without


def names(folder: Path, words: Sequence[str], times: dict[str, list[Word]] | None = None) -> list[str]:
    return [talk.path.stem for talk in talk_without(folder, words, times)]


@pytest.fixture
def speaker(tmp_path: Path) -> Path:
    chapter = tmp_path / "1" / "2"
    chapter.mkdir(parents=True)
    (chapter / "1-2.trans.txt").write_text("1-2-0 GO ON THEN\n1-2-1 GOING HOME\n\n1-2-2 WE KNOW\n1-2-3 \n1-2-4 LOST\n")
    for i in range(4):
        (chapter / f"1-2-{i}.ogg").touch()
    return tmp_path / "1"


def test_only_recordings_without_the_words_are_taken(speaker: Path) -> None:
    assert names(speaker, ["go", "no"]) == ["1-2-1", "1-2-2"]
    assert names(speaker, ["know"]) == ["1-2-0", "1-2-1"]


def test_a_recording_whose_words_have_times_keeps_what_is_around_them(speaker: Path) -> None:
    times = {"1-2-0": [Word("GO", 0.5, 0.75, 1.0), Word("ON", 0.75, 1.0, 1.0), Word("THEN", 1.5, 2.0, 0.9)]}
    talk = {talk.path.stem: talk for talk in talk_without(speaker, ["go"], times)}
    assert set(talk) == {"1-2-0", "1-2-1", "1-2-2"}
    # a margin of 0.15 s on each side
    assert talk["1-2-0"].unwanted == ((0.35, 0.9),)
    assert talk["1-2-0"].is_clear(0.9, 1.9)
    assert talk["1-2-0"].is_clear(0.0, 0.35)
    assert not talk["1-2-0"].is_clear(0.89, 1.9)
    assert not talk["1-2-0"].is_clear(0.0, 0.36)
    assert not talk["1-2-0"].is_clear(0.5, 0.6)
    assert talk["1-2-1"].is_clear(0.0, 9.0)


def test_a_recording_that_the_recogniser_guessed_at_is_left_out(speaker: Path) -> None:
    def heard(*probabilities: float) -> dict[str, list[Word]]:
        return {"1-2-1": [Word("GOING", 0.0, 0.5, probability) for probability in probabilities]}

    assert "1-2-1" in names(speaker, ["no"], heard(0.2, 0.8))
    assert "1-2-1" not in names(speaker, ["no"], heard(0.2, 0.6))
    assert "1-2-1" not in names(speaker, ["no"], heard())


def test_times_are_read_with_the_words_as_transcripts_have_them(tmp_path: Path) -> None:
    path = tmp_path / "x.words.jsonl"
    path.write_text(
        '{"name": "a", "words": [["Don\'t,", 0, 0.5, 0.9], ["stop!", 0.5, 1, 1]]}\n{"name": "b", "words": []}\n'
    )
    assert read_times([path]) == {"a": [Word("DON'T", 0.0, 0.5, 0.9), Word("STOP", 0.5, 1.0, 1.0)], "b": []}


@pytest.mark.parametrize("line", ["{", "[]", '{"name": "a"}', '{"name": "a", "words": [["x", 1]]}'])
def test_a_line_that_is_something_else_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.words.jsonl"
    path.write_text(f'{{"name": "b", "words": []}}\n{line}\n')
    with pytest.raises(DatasetError, match=r"x\.words\.jsonl, line 2 is not a list of words of a recording"):
        read_times([path])
