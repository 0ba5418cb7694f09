from pathlib import Path

import pytest

from kws_live.errors import ConfigError
from kws_live.system.toml_file import line_of, read_toml


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("word = 1", "word"),
        ('  "a word" = 1', "a word"),
        ("[word]", "word"),
        ("[[word]]", "word"),
        ("[table.word]", "word"),
        ("table.word = 1", "word"),
        ("word.more = 1", "word"),
        ("table = { first = 1, word = 2 }", "word"),
        ('list = ["first", "word"]', "word"),
        ('  "word",', "word"),
    ],
)
def test_a_key_is_found_however_it_is_written(line: str, key: str) -> None:
    assert line_of(["# word", "other = 1", line], key) == 2


@pytest.mark.twin("test_a_key_is_found_however_it_is_written")
@pytest.mark.parametrize("line", ["# word = 1", "words = 1", "sword = 1", 'text = "a word = 1"', "x = word"])
def test_what_only_looks_like_the_key_is_not_found(line: str) -> None:
    assert line_of([line], "word") is None


def test_a_key_is_looked_for_from_the_start_given() -> None:
    lines = ["[a]", "word = 1", "[b]", "word = 2"]
    assert (line_of(lines, "word"), line_of(lines, "word", 2)) == (1, 3)


def test_a_file_gives_its_tables_and_its_lines(tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text("[a]\nb = 1\n")
    assert read_toml(tmp_path / "file.toml", "settings file") == ({"a": {"b": 1}}, ["[a]", "b = 1"])


@pytest.mark.parametrize("text", ["a = ", "a = " + "[" * 10_000, "a = 0x" + "f" * 5000 + "\nb = 1.\n", 'a = "\x1b'])
def test_what_is_not_toml_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.toml").write_text(text)
    with pytest.raises(ConfigError, match="is not TOML") as caught:
        read_toml(tmp_path / "file.toml", "settings file")
    assert str(caught.value).isprintable()
