import io

import pytest

import kws_live
from kws_live.cli import main
from kws_live.cli.colour import coloured


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["lisen"], "listen"),
        (["detect", "demo:", "--treshold", "yes=0.8"], "--threshold"),
        (["listen", "--mode", "comand"], "command"),
        (["words", "lists"], "list"),
        (["words", "test", "yes", "--takes", ".", "--modle", "x"], "--model"),
        (["guide", "threshold"], "thresholds"),
    ],
)
def test_what_is_nearly_right_gets_a_suggestion(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: kws-live")
    assert error.endswith(f"\ndid you mean {meant}?\n")


@pytest.mark.parametrize("arguments", [["xyzzy"], ["detect", "demo:", "--xyzzy"], ["listen", "--threshold", "yes"]])
def test_what_resembles_nothing_gets_no_suggestion(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "did you mean" not in capsys.readouterr().err


def test_an_unknown_option_shows_the_usage_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["models", "--xyzzy"])
    assert capsys.readouterr().err.startswith("usage: kws-live models ")


def test_the_version_names_the_program_and_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    hashed = kws_live.load_model().card.network_sha256
    assert capsys.readouterr().out.startswith(f"kws-live {kws_live.__version__}, model commands-12 {hashed[:12]}, ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_has_colour_and_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert coloured("yes", "word", Terminal()) == "\x1b[1;32myes\x1b[0m"
    assert coloured("yes", "word", io.StringIO()) == "yes"
    monkeypatch.setenv("TERM", "dumb")
    assert coloured("yes", "word", Terminal()) == "yes"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("yes", "word", Terminal()) == "yes"
