"""One line and exit code 1 for every bad input, exit code 2 for wrong usage."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.cli import COMMANDS, main
from kws_live.model import Model
from tests.cli.program import words_of


def test_a_broken_model_is_told_and_the_others_are_listed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path))
    for option in ([], ["--json"]):
        assert main(["models", *option]) == 1
        out, error = capsys.readouterr()
        assert "commands-12" in out
        assert error.startswith("kws-live: mine cannot be used: ")
        assert error.count("\n") == 1


def broken_files(folder: Path) -> dict[str, str]:
    """Every bad recording: its name, and what is said of it."""
    audio = np.random.default_rng(5).uniform(-0.1, 0.1, 30_000).astype(np.float32)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("hello " * 100)
    soundfile.write(folder / "none.wav", audio[:0], 16_000)
    soundfile.write(folder / "nan.wav", np.append(audio, np.nan), 16_000, subtype="FLOAT")
    soundfile.write(folder / "cut.flac", audio, 16_000)
    (folder / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:20_000])
    soundfile.write(folder / "rate.wav", audio, 16_000)
    content = bytearray((folder / "rate.wav").read_bytes())
    content[24:28] = struct.pack("<I", 1)
    (folder / "rate.wav").write_bytes(content)
    return {
        "missing.wav": "no file",
        "empty.wav": "is empty",
        "text.wav": "as audio",
        "none.wav": "contains no samples",
        "nan.wav": "not numbers",
        "cut.flac": "breaks off",
        "rate.wav": "a sample rate of 1 Hz",
        ".": "is a folder",
        "a" * 300: "cannot open",
    }


@pytest.mark.parametrize("command", [["detect"], ["listen", "--fast", "--source"]], ids=["detect", "listen"])
def test_a_bad_recording_is_one_line_and_exit_code_1(
    command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, said in broken_files(tmp_path).items():
        assert main([*command, str(tmp_path / name)]) == 1, name
        err = capfd.readouterr().err.splitlines()
        assert len(err) == 1, err
        assert err[0].startswith("kws-live: ")
        assert said in err[0]


def test_a_missing_file_among_good_ones_does_not_stop_the_others(
    demo_rows: list[dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", "--json", str(tmp_path / "missing.wav"), "demo:"]) == 1
    out, err = capsys.readouterr()
    assert words_of(out) == [row["keyword"] for row in demo_rows]
    assert err.count("\n") == 1


BAD: list[tuple[list[str], str]] = [
    (["--threshold", "yes=1.5"], "threshold 1.5 for 'yes' must be a number above 0 and at most 1"),
    (["--threshold", "yes=nan"], "threshold nan for 'yes'"),
    (["--threshold", "maybe=0.5"], "unknown word 'maybe'; this model has: "),
    (["--only", "maybe"], "unknown word 'maybe'"),
    (["--model", "commands-13"], "no model 'commands-13'; choose from: commands-12"),
    (["--model", "."], "has no card.json"),
    (["--settings", "/no/such.toml"], "/no/such.toml: No such file"),
]


@pytest.mark.parametrize(("options", "said"), BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("command", [["detect", "demo:"], ["listen", "--fast", "--source", "demo:"]], ids=["d", "l"])
def test_a_bad_setting_is_one_line_and_exit_code_1(
    command: list[str], options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("kws-live: ")
    assert said in err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ftp:x", "unknown source 'ftp:x'; use a file or one of mic:"),
        ("stdin:7", "4000 to 384000"),
        ("stdin", "no file 'stdin'; did you mean 'stdin:'?"),
        ("mic:USB Dusk", "no microphone 'USB Dusk'; near: 'USB Desk Microphone'"),
        ("mic:99", "there are: 0, 1"),
    ],
)
@pytest.mark.usefixtures("fake_sounddevice")
def test_a_bad_source_is_one_line_and_exit_code_1(source: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--source", source]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err


def test_two_views_for_one_terminal_are_refused_before_anything_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--source", "demo:", "--fast", "--json", "--live"]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error == "kws-live: --json and --live both use the terminal; give only one of them\n"


def test_a_recording_that_cannot_be_kept_is_told_before_it_listens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--source", "demo:", "--save", str(tmp_path / "no" / "a.wav")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_a_model_with_a_wrong_hash_is_one_line(
    commands_model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in commands_model.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.tflite").write_bytes(b"x")
    assert main(["detect", "demo:", "--model", str(tmp_path)]) == 1
    assert "SHA-256 differs" in capsys.readouterr().err


# Wrong usage: exit code 2.


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["dance"], ["detect"], ["listen", "--no-such-option"], ["listen", "--threshold", "yes"],
        ["listen", "--threshold", "=0.5"], ["listen", "--threshold", "yes=high"], ["listen", "--mode", "wake"],
        ["listen", "--gate", "4"], ["detect", "demo:", "--mode", "onnx"],
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: kws-live")


def test_without_a_command_all_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    error = capsys.readouterr().err
    assert all(command in error for command in COMMANDS)


def test_help_and_version_are_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["--version"], ["listen", "--help"], ["detect", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert command in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["calibrate", "--budget", "1/h", "--room"], ["evaluate", "--clips"], ["evaluate", "--stream"],
        ["make-stream", "--out", "a.wav", "--clips"], ["scan", "--out", "a.parquet"],
    ],
)  # fmt: skip
def test_a_file_that_the_system_refuses_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    name = "a" * 5000  # too long, which the system says before it looks for it; as it says what one may not read
    assert main([*arguments, name]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"kws-live: cannot use {name!r}: ")
    assert error.count("\n") == 1


def test_a_file_where_a_folder_is_needed_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["dataset", "download", "speech-commands", "--to", str(tmp_path / "taken")]) == 1
    assert capsys.readouterr().err == f"kws-live: cannot use '{tmp_path / 'taken'}': File exists\n"
