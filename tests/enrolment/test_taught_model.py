"""What is written, and that nothing is left half-written."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import check_name, check_word, words_of, write_taught
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.enrolment.vocabulary import (
    forget_word,
)
from kws_live.errors import ConfigError, ModelError
from kws_live.evaluation.clips import comparable
from kws_live.model import Model, load_model
from kws_live.model.folders import CARD_NAME, find_model
from kws_live.model.taught_words import TAKES_NAME, WORDS_NAME
from tests.enrolment.spoken_takes import takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


def test_a_taught_model_is_a_model_like_any_other(model: Model, base: Model) -> None:
    assert find_model("my-words") == model.folder
    assert load_model("my-words").card == model.card
    assert model.card.keywords == (*base.card.keywords, "left off", "góra-dół")
    assert model.card.labels == (*base.card.labels, "left off", "góra-dół")
    assert model.card.thresholds["left off"] == 0.8
    assert {WORDS_NAME, TAKES_NAME, *base.card.files} == set(model.card.files)
    (model.folder / WORDS_NAME).write_bytes(b"something else")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_model("my-words")


def test_a_word_that_the_network_takes_for_its_own_is_told_apart(base: Model, user_models: Path) -> None:
    like = "go"
    takes = [Take.of("a", sound).features(base) for sound in takes_of(like, n=3)]
    model = write_taught(base, user_models / "my-words", [Teacher(base).teach("gow", takes)])
    heard = np.resize(takes_of(like, n=1)[0], SPEECH_RATE_HZ)
    before, after = (
        dict(zip(m.card.labels, m.posteriors(m.stream_scorer(HOP_SECONDS), heard), strict=True)) for m in (base, model)
    )
    assert before["go"] > 0.5
    assert after["gow"] > 0.8
    assert after["go"] < 0.2 * before["go"]


def test_a_clip_is_taken_for_a_taught_word_where_it_passes_its_threshold(adapted: Model) -> None:
    labels = adapted.card.labels
    own, left, stop, unknown = (labels.index(word) for word in ("yes", "left off", "stop", "_unknown_"))

    def taken_for(scores: dict[int, float]) -> str:
        given = np.array([scores.get(i, 0.0) for i in range(len(labels))], np.float32)
        return labels[int(comparable(adapted, given).argmax())]

    assert taken_for({unknown: 0.95, left: 0.85}) == "left off"
    assert taken_for({unknown: 0.2, own: 0.4, left: 0.75}) == "yes"  # below 0.8 it fires nowhere
    assert taken_for({own: 0.9, left: 0.85}) == "yes"
    assert taken_for({unknown: 0.95, stop: 0.7}) == "stop"  # an adapted one
    assert taken_for({unknown: 0.3, stop: 0.5}) == "stop"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "must have 1 to 40 letters"),
        ("x" * 41, "must have 1 to 40 letters"),
        ("lights/on", "contains '/'"),
        ("../../etc", "contains '.'"),
        ("light 💡", "contains '💡'"),
        ("a\x00b", "contains '\\x00'"),
        ("-v", "must begin with a letter or digit"),
        ("_silence_", "contains '_'"),
    ],
)
def test_a_word_that_cannot_be_one_is_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_word(word)
    assert said in str(error.value)


def test_words_of_any_language_are_taken() -> None:
    for word in ("lights on", "góra", "світло", "灯", "शुरू", "l'été", "R2-D2"):
        assert check_word(word) == word
    assert check_word("  lights   on ") == "lights on"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "my words", "💡", "x" * 61, ".hidden", "a."])
def test_a_name_that_cannot_be_a_folder_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid folder name"):
        check_name(name)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow past 100 kB: to a program it is what a full disk is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_nothing_behind(words: list[TaughtWord], base: Model, user_models: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot write .*; nothing has changed"):
        write_taught(base, user_models / "my-words", words)
    assert list(user_models.iterdir()) == []


def test_a_failed_change_leaves_the_model_as_it_was(
    model: Model, user_models: Path, request: pytest.FixtureRequest
) -> None:
    before = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    request.getfixturevalue("full_disk")
    with pytest.raises(ModelError, match="nothing has changed"):
        forget_word(model, "left off")
    assert {path.name: path.read_bytes() for path in model.folder.iterdir()} == before
    assert [path.name for path in user_models.iterdir()] == ["my-words"]


def test_a_folder_that_cannot_be_written_is_said(words: list[TaughtWord], base: Model, user_models: Path) -> None:
    user_models.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=r"cannot write .* set KWS_LIVE_MODELS to a folder that can be written"):
        write_taught(base, user_models / "my-words", words)


def test_damaged_takes_are_said_in_one_line(model: Model) -> None:
    (model.folder / TAKES_NAME).write_bytes(b"no takes")
    with pytest.raises(ModelError, match=r"takes\.npz cannot be used: .*; teach the words again"):
        words_of(model)
    shutil.rmtree(model.folder)
    assert not (model.folder / CARD_NAME).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")
def test_a_taught_model_is_its_owners_alone(model: Model, words: list[TaughtWord]) -> None:
    model.folder.chmod(0o755)
    write_taught(model, model.folder, words, sounds={"take_0.flac": b"a voice"})
    assert model.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in model.folder.iterdir()} == {0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them")
def test_a_model_behind_a_link_stays_behind_it(model: Model, words: list[TaughtWord], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    model.folder.rename(elsewhere)
    model.folder.symlink_to(elsewhere)
    again = write_taught(load_model("my-words"), model.folder, words[:1])
    assert model.folder.is_symlink()
    assert load_model(elsewhere).card == again.card
    assert again.card.name == "my-words"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "models"]


@pytest.mark.usefixtures("can_mount")
def test_a_model_whose_folder_is_mounted_by_itself_is_written_there(model: Model, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    program = (
        "import sys; from kws_live.enrolment.vocabulary import forget_word; from kws_live.model import load_model\n"
        "forget_word(load_model(sys.argv[1]), 'left off')"
    )
    mount = 'mount --bind "$1" "$2" && "$3" -c "$4" "$2"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", str(model.folder), str(inside), sys.executable, program]
    subprocess.run(command, check=True)
    assert load_model(model.folder).taught is not None
    assert "left off" not in load_model(model.folder).card.keywords
    assert list(inside.iterdir()) == []
