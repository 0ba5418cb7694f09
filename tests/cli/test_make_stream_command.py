from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.cli import main
from tests.fakes import tone_words


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for folder in ("yes", "no", "bed"):
        (tmp_path / "clips" / folder).mkdir(parents=True)
        soundfile.write(tmp_path / "clips" / folder / "0.wav", tone_words([("yes", 0.3)], 1.0, 16_000), 16_000)
    return tmp_path / "clips"


def test_the_same_seed_writes_the_same_files(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        out = tmp_path / f"{name}.flac"
        assert main(["make-stream", "--clips", str(clips), "--words", "6", "--seed", "7", "--out", str(out)]) == 0
    assert "6 labels" in capsys.readouterr().out
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    a, b = (soundfile.read(tmp_path / f"{name}.flac")[0] for name in ("a", "b"))
    np.testing.assert_array_equal(a, b)


def test_labels_may_lie_elsewhere(clips: Path, tmp_path: Path) -> None:
    out, labels = tmp_path / "a.wav", tmp_path / "words.csv"
    arguments = ["--words", "2", "--gap", "1", "1", "--out", str(out), "--labels", str(labels)]
    assert main(["make-stream", "--clips", str(clips), *arguments]) == 0
    assert labels.read_text(encoding="utf-8").startswith("begin_seconds,end_seconds,word,clip\n")
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--words", "0"], "a stream of 0 words cannot be built"),
        (["--snr", "500"], "SNR 500 dB must be -30 to 100"),
        (["--noise", "absent"], "absent is not a folder"),
        (["--set", "val"], "have no sets"),
        (["--out", "stream.mp3"], "name it .wav or .flac"),
        (["--seed", "-1"], "seed -1 must be 0 or above"),
        (["--out", "no/such/a.flac", "--noise", "absent"], "there is no folder no/such; create it first"),
        (["--out", "a.wav", "--labels", "a.wav"], "the labels would overwrite the stream"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_line(
    clips: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["make-stream", "--clips", str(clips), "--out", str(tmp_path / "a.flac"), "--words", "2", *arguments])
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (1, 1)
    assert message in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]
