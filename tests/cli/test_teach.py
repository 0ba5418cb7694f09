import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.cli import main
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.sources.sound_folder import has_ffmpeg
from kws_live.synthesis import installed_voices
from tests.enrolment.short_bank import with_short_bank
from tests.enrolment.spoken_takes import takes_of, write_takes

pytestmark = pytest.mark.slow  # teaching a word takes a second


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def short(commands_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return with_short_bank(commands_model, tmp_path_factory.mktemp("shipped") / "short")


@pytest.fixture
def to_short(short: Model, own_models: Path) -> list[str]:
    """Options that teach a word to a model on which that is quick."""
    shutil.copytree(short.folder, own_models / "short")
    return ["--model", "short", "--name", "my-words"]


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    return write_takes(tmp_path / "takes", takes_of("left", "off", n=3))


def test_from_a_folder_of_takes_to_a_word_that_is_spotted_renamed_and_forgotten(
    takes: Path, own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["teach", "left off", "--takes", str(takes)]) == 0
    said = capsys.readouterr().out
    assert "takes were recognised, each when left out" in said
    assert "false accepts in " in said
    assert "listen: kws-live listen --model my-words" in said
    assert main(["words", "test", "left off", "--takes", str(takes)]) == 0
    assert re.search(
        '"left off" was recognised in [123] of 3 recordings', capsys.readouterr().out
    )  # "left" may be first
    assert main(["models"]) == 0
    assert "my-words" in capsys.readouterr().out
    assert main(["words", "rename", "left off", "lamp"]) == 0
    assert main(["words", "list"]) == 0
    assert "  lamp                 3 takes" in capsys.readouterr().out
    assert main(["words", "retrain", "lamp"]) == 0
    assert main(["words", "forget", "lamp"]) == 0
    assert "lamp" not in load_model("my-words").card.keywords
    assert [path.name for path in own_models.iterdir()] == ["my-words"]


def test_bad_takes_are_named_with_the_reason_and_the_rest_is_used(
    takes: Path, to_short: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(takes / "8.wav", np.zeros(16_000), 16_000)
    (takes / "9.wav").write_bytes((takes / "0.wav").read_bytes())
    assert main(["teach", "left off", "--takes", str(takes), *to_short, "--only", "--keep-audio"]) == 0
    said = capsys.readouterr().err
    assert "8.wav skipped: no word was found" in said
    assert "9.wav skipped: the same recording as 0.wav" in said
    model = load_model("my-words")
    assert model.card.keywords == ("left off",)
    assert len(list(model.folder.glob("*.flac"))) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["teach", "a/b", "--takes", "TAKES"], "word 'a/b' contains '/'"),
        (["teach", "lamp", "--takes", "TAKES", "--name", "a/b"], "name 'a/b' is not a valid folder name"),
        (["teach", "stop", "--takes", "TAKES"], "'commands-12' already has the word 'stop'"),
        (["teach", "stop", "--adapt", "--only"], "leave out --only and --from-text"),
        (["teach", "lamp", "--adapt"], "'commands-12' has no word 'lamp' to adapt; leave out --adapt"),
        (["teach", "lamp", "--takes", "nowhere"], "nowhere is not a folder"),
        (["teach", "lamp", "--n", "1"], "--n 1 must be 2 to 100"),
        (["teach", "lamp", "--takes", "TAKES", "--model", "paper"], "model 'paper' has no embedding"),
        (["words", "forget", "lamp"], "no words have been taught yet; start with: kws-live teach"),
        (["words", "forget", "lamp", "--model", "commands-12"], "has no taught words; teach one"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(
    arguments: list[str], said: str, takes: Path, own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(takes) if part == "TAKES" else part for part in arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not own_models.exists()


def test_takes_from_a_mac_or_a_telephone_are_used_and_what_cannot_be_read_is_told(
    takes: Path, to_short: list[str], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (takes / "._0.wav").write_bytes(b"of a Mac")
    (takes / "broken.wav").write_bytes(b"no sound")
    if has_ffmpeg():
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", takes / "2.wav", takes / "2.m4a"], check=True)
        (takes / "2.wav").unlink()
    assert main(["teach", "left off", "--takes", str(takes), *to_short]) == 0
    assert "broken.wav cannot be read as audio" in caplog.text
    assert "it is skipped" in caplog.text
    assert "._0.wav" not in caplog.text + capsys.readouterr().err
    assert main(["words", "test", "left off", "--takes", str(takes)]) == 0
    captured = capsys.readouterr()
    assert re.search('"left off" was recognised in [123] of 3 recordings', captured.out)
    assert "broken.wav cannot be read as audio" in captured.err


def test_five_identical_files_are_one_take(
    tmp_path: Path, own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_takes(tmp_path / "same", takes_of("left", "off", n=2)[:1] * 5)
    assert main(["teach", "left off", "--takes", str(folder)]) == 1
    assert "1 of 5 recordings in" in capsys.readouterr().err
    assert not own_models.exists()


def test_a_known_word_is_fitted_to_a_voice_and_given_back(
    tmp_path: Path, to_short: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_takes(tmp_path / "accent", takes_of("stop", n=3, backwards=True))
    assert main(["teach", "stop", "--adapt", "--takes", str(folder), *to_short]) == 0
    said = capsys.readouterr().out
    assert '"stop": ' in said
    assert "of 3 takes were recognised before, " in said
    assert 'to undo it: kws-live words forget "stop" --model my-words' in said
    assert main(["words", "list"]) == 0
    assert "  stop (adapted)       3 takes, " in capsys.readouterr().out
    assert main(["words", "test", "stop", "--takes", str(folder)]) == 0
    assert '"stop" was recognised in 3 of 3 recordings' in capsys.readouterr().out
    assert main(["words", "forget", "stop"]) == 0
    assert "my-words still has: yes, no, up" in capsys.readouterr().out


def test_a_word_that_is_not_heard_is_told_with_how_near_it_came(
    takes: Path, to_short: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["teach", "left off", "--takes", str(takes), *to_short]) == 0
    card = load_model("my-words").card
    higher = dict.fromkeys(card.thresholds, 1.0)  # for all, or another word would be spotted in its place
    write_card(load_model("my-words").folder, replace(card, thresholds=higher))
    capsys.readouterr()
    assert main(["words", "test", "left off", "--takes", str(takes)]) == 0
    said = capsys.readouterr().out
    assert 'nothing ("left off" scored ' in said
    assert "; its threshold is 1)" in said
    assert '"left off" was recognised in 0 of 3 recordings' in said


def test_takes_are_asked_for_at_a_microphone(
    tmp_path: Path, to_short: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A pipe stands for the microphone: half a second, then 2 s for each take and 0.6 s after it.
    rng = np.random.default_rng(0)
    heard = np.concatenate(
        [np.zeros(8_000), *(np.resize(np.pad(t, (3_000, 32_000)), 41_600) for t in takes_of("up", "down", n=2))]
    )
    heard += 1e-4 * rng.standard_normal(heard.size)
    path = tmp_path / "microphone.raw"
    path.write_bytes((heard * 32767).astype("<i2").tobytes())
    with path.open(encoding="latin-1") as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        assert main(["teach", "up down", "--source", "stdin:16000", "--n", "2", *to_short]) == 0
    said = capsys.readouterr()
    assert 'take 1 of 2: say "up down" now' in said.err
    assert "take 2 is good" in said.err
    assert '"up down": 2 of 2 takes were recognised' in said.out


def test_from_text_nobody_need_speak_and_a_single_recording_may_be_added(
    takes: Path, to_short: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if not installed_voices():
        pytest.skip("no synthesiser here: apt-get install espeak-ng flite")
    assert main(["teach", "marmalade", "--from-text", *to_short]) == 0
    said = capsys.readouterr().out
    assert "synthetic takes were recognised" in said
    assert "this says little about people" in said.splitlines()[0]
    assert "synthetic voices are not people" in said
    for path in sorted(takes.iterdir())[1:]:
        path.unlink()
    assert main(["teach", "left off", "--from-text", "--takes", str(takes)]) == 0
    said = capsys.readouterr().out
    assert "of 1 recorded takes were recognised, each when left out of the learning" in said
    assert "synthetic voices are not people" not in said
    assert load_model("my-words").card.keywords[-2:] == ("marmalade", "left off")


def test_a_folder_that_cannot_be_written_is_told_before_takes_are_read(
    takes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "file"))
    assert main(["teach", "left off", "--takes", str(takes)]) == 1
    said = f"kws-live: cannot write {tmp_path}/file/my-words: '{tmp_path}/file' is not a folder; set KWS_LIVE_MODELS "
    assert capsys.readouterr().err == f"{said}to a folder that can be written\n"
