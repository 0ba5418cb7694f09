"""The doctor: what it finds, how it says so, and that it keeps nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import HOP_SECONDS
from kws_live.cli import main
from kws_live.cli.doctor import as_lines
from kws_live.doctor import LEAST_SPEED, Report, always_verified, examine, listening_speed
from kws_live.errors import AudioGapError, SourceLostError, SourceUnavailableError
from kws_live.model import Model
from kws_live.sources import SCHEMES
from kws_live.stream.findings import ADVICE, Finding

RATE_HZ = 16_000
FAST = "commands-12-small"
"""Its speed is known ten times sooner."""


def sound(folder: Path, level: float, seconds: int = 6, clipped: bool = False) -> str:
    """A quiet room with a loud second in it, as a file."""
    audio = np.random.default_rng(0).normal(0, 1e-3, seconds * RATE_HZ)
    audio[RATE_HZ : 3 * RATE_HZ] += level * np.sin(2 * np.pi * 300 * np.arange(2 * RATE_HZ) / RATE_HZ)
    path = folder / "room.wav"
    soundfile.write(path, np.clip(audio, -1, 1) if clipped else audio, RATE_HZ)
    return str(path)


def names(report: Report) -> list[str]:
    return [finding.name for finding in report.findings]


def test_the_demo_recording_is_fit() -> None:
    report = examine("demo:")
    assert report.fit
    assert names(report) == []
    assert report.measurement is not None
    assert report.measurement.snr_db > 30
    assert report.speed > LEAST_SPEED


def test_what_is_wrong_with_the_sound_is_found(tmp_path: Path) -> None:
    assert names(examine(sound(tmp_path, 5.0, clipped=True), model=FAST)) == ["clipping"]
    # Silence alone is no fault: nothing was said.
    quiet = examine(sound(tmp_path, 0.0), model=FAST)
    assert names(quiet) == ["no_speech"]
    assert quiet.fit


def test_a_source_that_cannot_be_opened_is_a_finding_with_its_reason() -> None:
    report = examine("nowhere.wav", model=FAST)
    assert not report.fit
    assert names(report) == ["cannot_open"]
    assert "nowhere.wav" in report.findings[0].summary
    assert report.measurement is None


class _Device:
    """A live source made of blocks and faults."""

    name = "device"
    rate_hz = RATE_HZ
    live = True
    n_overflows = 0
    n_namesakes = 0

    def __init__(self, *script: np.ndarray | Exception) -> None:
        self._script = list(script)

    def read(self, timeout_seconds: float) -> np.ndarray | None:
        if not self._script:
            return None
        item = self._script.pop(0)
        if isinstance(item, AudioGapError):
            self.n_overflows += 1
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self._script.clear()


def block(seconds: float = 1.0, level: float = 0.01) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, (round(seconds * RATE_HZ), 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("device", "found"),
    [
        (_Device(block(), SourceLostError("pulled out")), ["source_lost", "no_speech"]),
        (_Device(block(), AudioGapError(0.5), block()), ["overflow", "no_speech"]),
        (_Device(*[np.zeros((RATE_HZ, 1), np.float32)] * 4), ["zeros"]),
        (_Device(), ["source_lost"]),
    ],
)
def test_faults_of_a_device_are_found(monkeypatch: pytest.MonkeyPatch, device: _Device, found: list[str]) -> None:
    monkeypatch.setitem(SCHEMES, "mic", lambda rest, paced: device)
    assert names(examine("mic:", model=FAST)) == found


def test_two_devices_with_one_name_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    device = _Device(block())
    device.n_namesakes = 1
    monkeypatch.setitem(SCHEMES, "mic", lambda rest, paced: device)
    assert "same_name" in names(examine("mic:", model=FAST))


@pytest.mark.parametrize("finding", ["no_device", "device_busy"])
def test_the_reason_why_a_device_does_not_open_is_kept(monkeypatch: pytest.MonkeyPatch, finding: str) -> None:
    def refuse(rest: str, paced: bool) -> _Device:
        raise SourceUnavailableError("no", finding)

    monkeypatch.setitem(SCHEMES, "mic", refuse)
    assert names(examine("mic:", model=FAST)) == [finding]


@pytest.mark.parametrize(("system", "column"), [("linux", 0), ("darwin", 1), ("win32", 2)])
def test_advice_is_for_the_system_it_runs_on(monkeypatch: pytest.MonkeyPatch, system: str, column: int) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert Finding("zeros", "").advice == ADVICE["zeros"][column]


def test_the_speed_is_of_this_machine() -> None:
    assert 1 < listening_speed() < 1e6


def test_the_speed_is_that_of_a_model_whose_second_network_is_asked_at_every_hop(verified_model: Model) -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    assert always_verified(verified_model).stream_scorer(HOP_SECONDS)(silence, False).opinions
    assert not verified_model.stream_scorer(HOP_SECONDS)(silence, False).opinions


def test_as_json_it_is_one_object_and_the_exit_code_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--source", "demo:", "--model", FAST, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["fit"] is True
    assert report["findings"] == []
    assert main(["doctor", "--source", sound(tmp_path, 5.0, clipped=True), "--model", FAST, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [finding["finding"] for finding in report["findings"]] == ["clipping"]
    assert set(report["findings"][0]) == {"finding", "summary", "certainty", "advice"}


def test_for_people_every_finding_comes_with_what_to_do() -> None:
    report = Report("mic", 48_000, 50.0, (Finding("hum", "it hums", "likely"),), None)
    text = "\n".join(as_lines(report))
    assert "likely" in text
    assert ADVICE["hum"].linux in text


def test_audio_is_kept_only_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = sound(tmp_path, 0.1)
    before = set(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--source", heard, "--model", FAST]) == 0
    assert set(tmp_path.iterdir()) == before
    assert main(["doctor", "--source", heard, "--model", FAST, "--save", "kept.wav", "--seconds", "3"]) == 0
    kept, rate = soundfile.read(tmp_path / "kept.wav")
    assert rate == RATE_HZ
    assert np.array_equal(kept, soundfile.read(heard)[0][: kept.size])
    assert abs(kept.size - 3 * RATE_HZ) < RATE_HZ / 10


@pytest.mark.parametrize("options", [["--save", "kept.doc"], ["--seconds", "0"], ["--seconds", "nan"]])
def test_impossible_wishes_are_one_line(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--source", "demo:", "--model", FAST, *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_portaudio_it_says_how_to_get_it(tmp_path: Path) -> None:
    # Where the library is missing, sounddevice raises just this.
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
    done = subprocess.run(
        [sys.executable, "-m", "kws_live", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ""
    assert [finding["finding"] for finding in json.loads(done.stdout)["findings"]] == ["no_portaudio"]
