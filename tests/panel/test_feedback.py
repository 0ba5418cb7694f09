"""What the user said of it, on the disk and back, and the thresholds that follow."""

import json
import sys
import wave
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.panel.feedback import LEAST_THRESHOLD, Evidence, FeedbackFolder, refit

FACTS: dict[str, Any] = {
    "word": "yes",
    "score": 0.75,
    "threshold": 0.6,
    "model": "tones",
    "network_sha256": "ab",
    "source": "fed",
    "position": 40_000,
}


def said(kind: str, score: float, word: str = "yes") -> Evidence:
    return Evidence(**{**FACTS, "kind": kind, "score": score, "word": word}, saved_at="", sound="")


def after(evidence: list[Evidence], now: float) -> float:
    [fit] = refit(evidence, {"yes": now})
    return fit.after


def test_a_false_alarm_raises_the_threshold_just_over_it() -> None:
    [fit] = refit([said("wrong", 0.7)], {"yes": 0.5, "no": 0.5})
    assert (fit.word, fit.before, fit.after) == ("yes", 0.5, 0.73)  # the first of the grid that keeps 0.02 from 0.70
    assert (fit.n_against, fit.mistakes_before, fit.mistakes_after) == (1, 1, 0)


def test_a_miss_lowers_the_threshold_just_below_it() -> None:
    assert after([said("missed", 0.55)], 0.8) == 0.53


def test_between_what_should_fire_and_what_should_not() -> None:
    # 0.62 and 0.90 should fire, 0.50 should not: anything from 0.53 to 0.60 is right with a margin.
    assert after([said("missed", 0.62), said("right", 0.9), said("wrong", 0.5)], 0.8) == 0.6


def test_evidence_that_contradicts_itself_makes_the_fewest_mistakes() -> None:
    evidence = [said("wrong", 0.9), said("right", 0.7), said("right", 0.8), said("missed", 0.6)]
    [fit] = refit(evidence, {"yes": 0.95})
    assert (fit.mistakes_before, fit.mistakes_after) == (3, 1)
    assert fit.after <= 0.6


def test_a_threshold_that_makes_no_mistake_stays() -> None:
    assert after([said("right", 0.9), said("wrong", 0.4)], 0.65) == 0.65


def test_a_miss_that_was_hardly_heard_lowers_nothing_below_the_least() -> None:
    assert after([said("missed", 0.05)], 0.6) == 0.6


@given(
    st.lists(st.tuples(st.sampled_from(["right", "wrong", "missed"]), st.floats(0, 1)), min_size=1, max_size=20),
    st.floats(0.01, 1.0),
)
def test_a_refit_never_makes_more_mistakes(marks: list[tuple[str, float]], now: float) -> None:
    [fit] = refit([said(kind, score) for kind, score in marks], {"yes": now})
    assert fit.mistakes_after <= fit.mistakes_before
    assert fit.after == now or LEAST_THRESHOLD <= fit.after < 1


def test_a_second_is_written_to_the_sample_and_read_again(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-32768, 32767, SAMPLE_RATE_HZ).astype(np.int16)
    folder = FeedbackFolder(tmp_path / "new")
    evidence = folder.save({**FACTS, "kind": "wrong"}, pcm)
    with wave.open(str(tmp_path / "new" / evidence.sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE_HZ, 1, 2)
        assert np.array_equal(np.frombuffer(file.readframes(SAMPLE_RATE_HZ + 1), "<i2"), pcm)
    assert folder.load("ab") == [evidence]
    assert folder.load("another network") == []


@pytest.mark.twin("test_a_second_is_written_to_the_sample_and_read_again")
def test_nothing_is_made_before_something_is_saved(tmp_path: Path) -> None:
    FeedbackFolder(tmp_path / "new").load("ab")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["../../up", "a/b", "..", "x" * 300, "größe", "con\0"])
def test_a_word_never_leads_out_of_the_folder(tmp_path: Path, word: str) -> None:
    evidence = FeedbackFolder(tmp_path / "in").save({**FACTS, "kind": "wrong", "word": word}, np.zeros(9, np.int16))
    assert [path.parent.name for path in tmp_path.rglob("*.wav")] == ["in"]
    assert evidence.word == word


def broken(**values: Any) -> str:
    return json.dumps({**asdict(said("wrong", 0.5)), **values})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{}",
        "null",
        "[" * 10_000,
        broken(score="high"),
        broken(kind="other"),
        broken(score=7.0),
        broken(more=1),
        " " * 70_000 + "{}",
    ],
    ids=range(10),
)
def test_files_that_hold_something_else_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(asdict(said("wrong", 0.5))), encoding="utf-8")
    assert FeedbackFolder(tmp_path).load("ab") == [said("wrong", 0.5)]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write to .*file.*--folder"):
        FeedbackFolder(tmp_path / "file").save({**FACTS, "kind": "wrong"}, np.zeros(9, np.int16))


@pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")
def test_evidence_is_its_owners_alone_in_a_folder_that_was_open_too(tmp_path: Path) -> None:
    folder = tmp_path / "feedback"
    folder.mkdir(mode=0o755)
    FeedbackFolder(folder).save({**FACTS, "kind": "right"}, np.zeros(SAMPLE_RATE_HZ, np.int16))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600, 0o600]
