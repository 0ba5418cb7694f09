"""The command line: exit codes, one line for every bad input, JSON that parses."""

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples, float_to_pcm16
from kws_live.cli import COMMANDS, main
from kws_live.model import Model
from tests.fake_sounddevice import FakeSounddevice
from tests.fakes import n_in_order

KWS_LIVE = [sys.executable, "-m", "kws_live"]


@pytest.fixture(scope="module")
def demo_rows() -> list[dict[str, object]]:
    done = subprocess.run([*KWS_LIVE, "detect", "demo:", "--json"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def words_of(output: str) -> list[str]:
    rows = [json.loads(line) for line in output.splitlines()]
    return [row["keyword"] for row in rows if row["type"] == "detection"]


# What works.


def test_detect_prints_the_words_of_the_demo_in_order(
    demo_rows: list[dict[str, object]], demo_words: list[str]
) -> None:
    assert n_in_order([str(row["keyword"]) for row in demo_rows], demo_words) >= len(demo_words) - 2
    assert len(demo_rows) <= len(demo_words) + 2
    for row in demo_rows:
        assert row["type"] == "detection"
        assert row["source"] == "demo recording"
        assert 0.0 < float(str(row["score"])) <= 1.0


def test_listen_to_a_file_tells_what_detect_tells(
    demo_rows: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "--source", "demo:", "--fast", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if row["type"] == "detection"] == demo_rows


def test_listen_greets_and_prints_words_for_people_and_figures_at_the_end(
    demo_rows: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "--source", "demo:", "--fast", "--stats"]) == 0
    out, err = capsys.readouterr()
    greeting, *lines = out.splitlines()
    assert greeting == 'listening on "demo recording" (22,050 Hz), model commands-12, 10 words. Ctrl-C stops.'
    assert [line.split()[2] for line in lines] == [row["keyword"] for row in demo_rows]
    for name in ("audio", "skipped", "overflows", "scored", "CPU", "delay", "callbacks"):
        assert any(line.split()[0] == name for line in err.splitlines())


def test_pcm_through_a_real_pipe_gives_the_words_of_the_file(
    demo_rows: list[dict[str, object]], demo_audio: Samples
) -> None:
    pcm = float_to_pcm16(demo_audio).tobytes()
    done = subprocess.run(
        [*KWS_LIVE, "listen", "--source", "stdin:22050", "--json"], input=pcm, capture_output=True, check=True
    )
    assert done.stderr == b""
    assert words_of(done.stdout.decode()) == [row["keyword"] for row in demo_rows]


def test_options_reach_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--only", "left", "--only", "go", "--threshold", "left=0.2", "--mode", "spotting", "--gate", "off"]
    assert main(["detect", "demo:", "--json", *options]) == 0
    found = words_of(capsys.readouterr().out)
    assert found
    assert set(found) <= {"left", "go"}
    assert main(["detect", "demo:", "--json", *(f"-t{word}=1" for word in ["left", "go", "yes", "no", "up"])]) == 0


def test_a_settings_file_counts_and_options_count_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text('active = ["left"]\n[thresholds]\nleft = 1.0\n')
    arguments = ["detect", "demo:", "--json", "--settings", str(tmp_path / "s.toml")]
    assert main(arguments) == 0
    assert capsys.readouterr().out == ""
    assert main([*arguments, "--threshold", "left=0.2", "--mode", "spotting"]) == 0
    assert set(words_of(capsys.readouterr().out)) == {"left"}


def test_sinks_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.jsonl"
    assert main(["listen", "--source", "demo:", "--fast", "--sink", f"jsonl:{path}"]) == 0
    assert words_of(path.read_text()) == [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]]


def test_devices_and_models_are_listed(fake_sounddevice: FakeSounddevice, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert "*   0  Built-in  (48,000 Hz, 2 channels)" in out
    assert "USB Desk Microphone" in out
    assert "Speakers" not in out
    assert main(["devices", "--json"]) == 0
    assert [device["index"] for device in json.loads(capsys.readouterr().out)] == [0, 1]
    fake_sounddevice.devices[:] = []
    assert main(["devices"]) == 0
    assert "--source demo:" in capsys.readouterr().out
    assert main(["models"]) == 0
    assert "* commands-12" in capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    assert "commands-12" in [card["name"] for card in json.loads(capsys.readouterr().out)]


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


# What does not work: exit code 1, one line, no traceback.


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
        "text.wav": "as sound",
        "none.wav": "holds no samples",
        "nan.wav": "not numbers",
        "cut.flac": "breaks off",
        "rate.wav": "1 samples a second",
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


@pytest.mark.parametrize(("subtype", "n_channels", "rate_hz"), [("PCM_U8", 1, 16_000), ("PCM_24", 7, 192_000)])
def test_a_strange_but_good_recording_gives_its_words(
    subtype: str, n_channels: int, rate_hz: int, demo_rows: list[dict[str, object]], demo_audio: Samples,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import soxr

    audio = np.tile(soxr.resample(demo_audio, 22_050, rate_hz)[:, np.newaxis], n_channels)
    soundfile.write(tmp_path / "a.wav", audio, rate_hz, subtype=subtype)
    assert main(["detect", "--json", str(tmp_path / "a.wav")]) == 0
    found = words_of(capsys.readouterr().out)
    expected = [row["keyword"] for row in demo_rows]
    if subtype == "PCM_U8":  # 8 bits hiss at -50 dB: a word near its threshold may go
        assert n_in_order(found, [str(word) for word in expected]) >= len(expected) - 3
    else:
        assert found == expected


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
    (["--threshold", "maybe=0.5"], "unknown word 'maybe'; this model knows: "),
    (["--only", "maybe"], "unknown word 'maybe'"),
    (["--model", "commands-13"], "no model 'commands-13'; shipped are: commands-12"),
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


def test_help_and_version_are_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["--version"], ["listen", "--help"], ["detect", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert command in out


# As a program among others.


def test_it_ends_quietly_when_the_reader_of_its_output_has_left() -> None:
    """As with ``| head -1``; the input stays open, so only the broken pipe can end it."""
    process = subprocess.Popen(
        [*KWS_LIVE, "listen", "--source", "demo:", "--fast", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141
    process.stderr.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_dies_by_the_signal_that_ends_it(number: int) -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*KWS_LIVE, "listen", "--source", "stdin:16000"], stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(reader)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"listening")
    process.send_signal(number)
    _, err = process.communicate()
    os.close(writer)
    assert process.returncode == -number
    assert err == b""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows cannot close them")
def test_it_listens_with_standard_output_and_error_closed(tmp_path: Path, demo_rows: list[dict[str, object]]) -> None:
    sink = tmp_path / "events.jsonl"
    line = f"listen --source demo: --fast --sink jsonl:{sink}"
    done = subprocess.run(["sh", "-c", f'"{sys.executable}" -m kws_live {line} >&- 2>&-'], check=False)
    assert done.returncode == 0
    rows = [json.loads(row) for row in sink.read_text(encoding="utf-8").splitlines()]
    assert [row for row in rows if row["type"] == "detection"] == demo_rows


def test_what_a_decoder_says_of_a_broken_file_is_kept_from_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"\xff\xfb" + np.random.default_rng(1).bytes(5000))
    done = subprocess.run([*KWS_LIVE, "detect", tmp_path / "noise.mp3"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("kws-live: ")
    assert done.stderr.count("\n") == 1


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


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="only Linux has file names that are no text")
def test_a_file_whose_name_is_no_text_is_spotted_and_named(demo_audio: Samples, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", demo_audio, 22_050)
    name = os.fsencode(tmp_path) + b"/\xff.wav"
    os.rename(tmp_path / "a.wav", name)  # noqa: PTH104  bytes are no Path
    done = subprocess.run([*KWS_LIVE, "detect", "--json", name], capture_output=True, check=True)
    assert json.loads(done.stdout.splitlines()[0])["source"].endswith("\udcff.wav")
    done = subprocess.run([*KWS_LIVE, "detect", name, name], capture_output=True, check=True)
    assert done.stderr == b""
