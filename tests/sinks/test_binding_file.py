from pathlib import Path

import pytest

from kws_live.errors import ConfigError
from kws_live.sinks import binding_file
from kws_live.sinks.binding_file import Binding, read_bindings
from tests.spoken import spoken

WORDS = ("yes", "no", "on", "off", "go", "stop", "up", "right")


def test_the_example_in_the_documentation_is_right(tmp_path: Path) -> None:
    path = tmp_path / "commands.toml"
    assert binding_file.__doc__ is not None
    example = [line for line in binding_file.__doc__.splitlines() if line.startswith("    ") or not line]
    path.write_text("\n".join(example))
    bindings = list(read_bindings(path, WORDS).values())
    assert [binding.word for binding in bindings] == ["on", "off", "stop", "up", "right", "yes", "go"]
    assert (bindings[1].after, bindings[1].within_seconds) == ("go", 3.0)
    assert bindings[2].headers == {"Authorization": "Bearer ${LAMP_TOKEN}"}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[[binding]]\nword = "yes"\nrun = "lamp"\n', 3, "run must be a list of texts"),
        ('[[binding]]\nword = "yes"\nrun = []\n', 3, "run must be a list of texts"),
        (
            '[[binding]]\nword = "yes"\nrun = ["a"]\n\n[[binding]]\nwrod = "no"\n',
            6,
            "unknown key 'wrod'; known are: word",
        ),
        ('[[binding]]\nword = "maybe"\nrun = ["a"]\n', 2, "'maybe' is not a word of this model, which has: yes, no"),
        ('[[binding]]\nrun = ["a"]\nafter = "maybe"\n', 3, "'maybe' is not a word"),
        ('[[binding]]\nrun = ["a"]\nwords = ["yes", "maybe"]\n', 3, "'maybe' is not a word"),
        ('[[binding]]\nword = "yes"\n', 1, "exactly one of run, shell, http, mqtt, key, sound, pipe, not none"),
        ('[[binding]]\nrun = ["a"]\nsound = "b.wav"\n', 2, "not run and sound"),
        ('[[binding]]\nrun = ["a"]\nword = "yes"\nwords = ["no"]\n', 3, "word or words, not both"),
        ('[[binding]]\nrun = ["a"]\ncool_down_seconds = -1\n', 3, "cool_down_seconds -1 must be 0 to 86400"),
        ('[[binding]]\nrun = ["a"]\nparallel = "yes"\n', 3, "parallel must be true or false"),
        ('[[binding]]\nrun = ["a"]\nwithin_seconds = nan\n', 3, "within_seconds nan must be"),
        ('[[binding]]\nhttp = "http://a"\n[binding.headers]\nX = 1\n', 3, "headers must be a table of texts"),
        ('# mine\n[binding]\nword = "yes"\n', None, "begins with a line \\[\\[binding\\]\\]"),
        ('colour = "red"\n', 1, "unknown 'colour'"),
        ("[[binding]\n", None, "is not TOML: .*line 1"),
    ],
)
def test_a_wrong_file_names_the_line_and_what_would_do(tmp_path: Path, text: str, line: int | None, says: str) -> None:
    path = tmp_path / "commands.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as failure:
        read_bindings(path, WORDS)
    assert str(path) in str(failure.value)
    if line is not None:
        assert f"line {line}:" in str(failure.value)


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read bindings .*No such file"):
        read_bindings(tmp_path / "missing.toml")
    path = tmp_path / "noise.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_bindings(path)


def test_a_two_step_binding_fits_only_right_after_its_first_word_and_in_time() -> None:
    binding = Binding(word="off", after="go", within_seconds=3.0, run=["a"])
    off = spoken("off", 10.0)
    assert binding.fits(off, spoken("go", 7.0))
    assert not binding.fits(off, spoken("go", 6.99))
    assert not binding.fits(off, spoken("yes", 9.0))
    assert not binding.fits(off, None)
    assert not binding.fits(spoken("on", 10.0), spoken("go", 9.0))
    assert Binding(run=["a"]).fits(off, None)


def test_a_file_may_have_a_byte_order_mark_and_the_newlines_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "commands.toml"
    path.write_bytes(b'\xef\xbb\xbf[[binding]]\r\nword = "yes"\r\nrun = ["a"]\r\n')
    assert [binding.word for binding in read_bindings(path, WORDS).values()] == ["yes"]
