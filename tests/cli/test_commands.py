"""The command line: what it prints and writes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples
from kws_live.cli import main
from tests.cli.program import words_of
from tests.fake_sounddevice import FakeSounddevice
from tests.fakes import n_in_order


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


@pytest.mark.slow
def test_options_reach_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--only", "left", "--only", "go", "--threshold", "left=0.2", "--mode", "spotting", "--gate", "off"]
    assert main(["detect", "demo:", "--json", *options]) == 0
    found = words_of(capsys.readouterr().out)
    assert found
    assert set(found) <= {"left", "go"}
    assert main(["detect", "demo:", "--json", *(f"-t{word}=1" for word in ["left", "go", "yes", "no", "up"])]) == 0


@pytest.mark.slow
def test_a_settings_file_counts_and_options_count_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text('active = ["left"]\n[thresholds]\nleft = 1.0\n')
    arguments = ["detect", "demo:", "--json", "--settings", str(tmp_path / "s.toml")]
    assert main(arguments) == 0
    assert capsys.readouterr().out == ""
    assert main([*arguments, "--threshold", "left=0.2", "--mode", "spotting"]) == 0
    assert set(words_of(capsys.readouterr().out)) == {"left"}


@pytest.mark.slow
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
