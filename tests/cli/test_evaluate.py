import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples
from kws_live.cli import main

DEMO = Path(__file__).parents[2] / "kws_live" / "sources" / "demo.flac"


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The one JSON object on standard output."""
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    result: dict[str, object] = json.loads(lines[0])
    return result


@pytest.fixture
def clips(tmp_path: Path, demo_audio: Samples) -> Path:
    """The first two words of the demo, and a second of quiet noise."""
    for name, begin in (("yes", 0.75), ("no", 2.4)):
        (tmp_path / "clips" / name).mkdir(parents=True)
        start = round(begin * 22_050)
        soundfile.write(tmp_path / "clips" / name / "0.wav", demo_audio[start : start + 22_050], 22_050)
    (tmp_path / "clips" / "_silence_").mkdir()
    quiet = np.random.default_rng(0).normal(0, 1e-3, 16_000)
    soundfile.write(tmp_path / "clips" / "_silence_" / "0.wav", quiet, 16_000)
    return tmp_path / "clips"


def test_clips_and_noise_give_one_json_object(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--clips", str(clips), "--noise", str(clips / "_silence_"), "--json"]) == 0
    result = said(capsys)
    assert result["n_clips"] == 3
    assert {"accuracy", "ten_words", "unknown_fired", "noise_fired", "noise", "model"} <= set(result)
    assert result["unknown_fired"] is None  # there are none


@pytest.mark.parametrize(("option", "shown"), [("--json", '{"model"'), ("--mode=command", "### One-second clips")])
def test_figures_need_no_library_for_bars_and_tables(
    option: str, shown: str, clips: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["evaluate", "--clips", str(clips), option]) == 0
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.slow
def test_a_stream_is_measured_swept_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "spotting.toml"
    settings.write_text('mode = "spotting"\n', encoding="utf-8")
    base = ["evaluate", "commands-12", "--stream", str(DEMO), "--keep", str(tmp_path / "kept")]
    more = ["--sweep", "--target", "1", "--png", str(tmp_path / "det.png"), "--against", str(settings)]
    assert main([*base, *more, "--markdown", str(tmp_path / "out.md"), "--json"]) == 0
    result = said(capsys)
    stream = result["stream"]
    assert isinstance(stream, dict)
    assert stream["hits"]["n"] == 10
    assert stream["audio_seconds"] == pytest.approx(soundfile.info(DEMO).duration, abs=0.001)
    assert {"sweep", "against"} <= set(result)
    assert (tmp_path / "det.png").stat().st_size > 1000
    assert "### Lowest threshold for 1 false accepts per hour" in (tmp_path / "out.md").read_text(encoding="utf-8")
    assert len(list((tmp_path / "kept").iterdir())) == 1  # both settings use the one run
    # The second time the model does not run, and the figures are the same.
    assert main([*base, "--json"]) == 0
    assert said(capsys)["stream"] == stream
    assert main(base) == 0
    assert "Hits of each word" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to measure on; give --clips, --noise, --stream or --talk"),
        (["--clips", "absent"], "absent is not a folder"),
        (["--stream", "absent.wav"], "no file 'absent.wav'"),
        (["--talk", "absent"], "absent is not a folder"),
        (["--clips", "x", "--sweep"], "--sweep and --against need a --stream"),
        (["--stream", "x", "--target", "1"], "--target and --png need --sweep"),
        (["--stream", "x", "--sweep", "--target", "0"], "--target 0 must be false accepts per hour, above 0"),
        (["no-such-model", "--clips", "x"], "no model 'no-such-model'"),
        # Told before hours of measuring, not after them.
        (["--stream", "absent.wav", "--against", "no-such-model"], "no model 'no-such-model'"),
        (["--clips", "absent", "--markdown", "no/such/out.md"], "there is no folder no/such; create it first"),
        (["--stream", "absent.wav", "--sweep", "--png", "."], ". is a folder; give the name of a file in it"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
