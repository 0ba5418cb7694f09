import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples
from kws_live.cli import main
from kws_live.detection import make_settings
from kws_live.model import load_model


@pytest.fixture
def room(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "My Room.wav", np.random.default_rng(0).normal(0, 1e-3, 20 * 16_000), 16_000)
    return tmp_path / "My Room.wav"


@pytest.mark.slow
def test_the_profile_is_what_listen_reads(
    room: Path, demo_audio: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "takes" / "yes").mkdir(parents=True)
    soundfile.write(tmp_path / "takes" / "yes" / "0.wav", demo_audio[round(0.6 * 22_050) : round(1.9 * 22_050)], 22_050)
    profile = tmp_path / "profile.toml"
    words = ["--words", str(tmp_path / "takes"), "--budget", "0.5/h", "--out", str(profile)]
    assert main(["calibrate", "--room", str(room), *words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    live = make_settings(load_model())
    live.load(profile)
    written = live.snapshot().thresholds
    assert dict(written) == pytest.approx(result["chosen"]["thresholds"])
    # Twenty seconds prove nothing about half an event in an hour: no threshold may fall below the model's own.
    assert not result["chosen"]["supported"]
    own = make_settings(load_model()).snapshot().thresholds
    assert all(written[word] >= own[word] for word in own)
    assert result["chosen"]["missed"]["yes"]["n"] == 1
    assert result["half"]["expected_per_hour"] <= result["chosen"]["expected_per_hour"]


@pytest.mark.slow
def test_the_profile_is_named_after_the_room_and_what_it_claims_is_said(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", "--room", str(room), "--budget", "2/day"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "too little audio to claim" in said
    assert "use it with: kws-live listen --settings my-room.toml" in said
    assert (tmp_path / "my-room.toml").is_file()


@pytest.mark.slow
def test_a_guided_calibration_counts_down_and_uses_what_it_hears(
    tmp_path: Path, demo_audio: Samples, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A pipe stands for the microphone: 10 s of quiet, a count-down of 3 s, then "yes".
    quiet = np.random.default_rng(0).normal(0, 1e-4, 13 * 22_050).astype(np.float32)
    heard = np.concatenate((quiet, demo_audio[round(0.6 * 22_050) : round(2.4 * 22_050)], quiet[:22_050]))
    path = tmp_path / "microphone.raw"
    path.write_bytes((heard * 32767).astype("<i2").tobytes())
    arguments = [
        "--budget",
        "1/h",
        "--seconds",
        "10",
        "--takes",
        "1",
        "--only",
        "yes",
        "--out",
        str(tmp_path / "p.toml"),
    ]
    with path.open(encoding="latin-1") as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        assert main(["calibrate", "--source", "stdin:22050", *arguments]) == 0
    assert 'say "yes" now' in capsys.readouterr().err
    assert (tmp_path / "p.toml").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "0/h"], "budget '0/h' is impossible"),
        (["--budget", "often"], "budget 'often' is not a rate"),
        (["--budget", "1/h", "--words", "absent"], "absent is not a folder"),
        (["--budget", "1/h", "--words", "absent", "--out", "."], ". is a folder; give the name of a file in it"),
        (["--budget", "1/h", "--takes", "-1"], "--seconds must be 10 to 36000, --takes 0 to 100"),
    ],
)
def test_what_cannot_be_calibrated_is_told_and_nothing_is_written(
    room: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "--room", str(room), "--out", str(tmp_path / "p.toml"), *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "p.toml").exists()
