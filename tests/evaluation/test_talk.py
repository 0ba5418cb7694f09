from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import DatasetError
from kws_live.evaluation.intervals import Rate
from kws_live.evaluation.talk import Sentence, join_chapters, measure_talk, read_transcripts, score_talk
from kws_live.events import Detection
from tests.evaluation.tone_model import ToneModel
from tests.fakes import decision_settings, tone_words

KEYWORDS = ("yes", "no", "right")
UTTERANCES = (
    Sentence(0.0, 4.0, ("SAY", "YES", "AND", "YES", "AGAIN")),
    Sentence(4.0, 8.0, ("NOW", "I", "KNOW")),
    Sentence(8.0, 12.0, ("NOTHING", "HERE")),
)


def detection(word: str, seconds: float) -> Detection:
    position = round(seconds * SAMPLE_RATE_HZ)
    return Detection(keyword=word, score=0.9, position=position, decided_position=position + 1000)


def test_a_word_that_was_said_is_no_false_accept_and_one_that_was_not_is() -> None:
    score = score_talk(
        [detection("yes", 2.0), detection("yes", 6.0), detection("no", 10.0)], UTTERANCES, KEYWORDS, 12.0
    )
    assert score.said == Counter(yes=2)
    assert score.said_fired == Counter(yes=1)
    assert score.false == Counter(yes=1, no=1)
    assert score.false_accepts == Rate(2, 12 / 3600)
    assert score.same_sound == 0


def test_a_word_counts_as_said_while_the_window_reaches_into_its_utterance() -> None:
    # The window of a detection at 4.9 s begins at 3.9 s, that of one at 5.1 s at 4.1 s.
    assert score_talk([detection("yes", 4.9)], UTTERANCES, KEYWORDS, 12.0).false == Counter()
    assert score_talk([detection("yes", 5.1)], UTTERANCES, KEYWORDS, 12.0).false == Counter(yes=1)


def test_words_that_sound_the_same_are_false_and_told_apart() -> None:
    score = score_talk([detection("no", 7.0), detection("right", 7.0)], UTTERANCES, KEYWORDS, 12.0)
    assert (score.false, score.same_sound) == (Counter(no=1, right=1), 1)


def test_scores_add_up() -> None:
    one = score_talk([detection("no", 10.0)], UTTERANCES, KEYWORDS, 12.0)
    total = one + one
    assert (total.false, total.said, total.hours) == (Counter(no=2), Counter(yes=4), 24 / 3600)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Two chapters of a reader; the utterances are tones."""
    rows = {"7-1": ("7-1-0000 SAY YES", "7-1-0001 SAY NOTHING"), "7-2": ("7-2-0000 now stop",)}
    said = {"7-1-0000": ("yes", 1.0), "7-1-0001": ("no", 1.0), "7-2-0000": ("stop", 2.0)}
    for chapter, lines in rows.items():
        (tmp_path / "7" / f"{chapter}.trans.txt").parent.mkdir(exist_ok=True)
        (tmp_path / "7" / f"{chapter}.trans.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, word in said.items():
        soundfile.write(tmp_path / "7" / f"{name}.wav", tone_words([word], 4.0, 16_000), 16_000)
    return tmp_path


def test_utterances_of_a_chapter_are_joined_in_order(talk: Path) -> None:
    chapters = list(join_chapters(talk))
    assert [name for name, _, _ in chapters] == ["7-1", "7-2"]
    _, samples, utterances = chapters[0]
    assert samples.size == 8 * 16_000
    assert utterances == (
        Sentence(0.0, 4.0, ("SAY", "YES"), "7-1-0000.wav"),
        Sentence(4.0, 8.0, ("SAY", "NOTHING"), "7-1-0001.wav"),
    )


def test_talk_is_measured_and_decided_again(talk: Path) -> None:
    settings = decision_settings(gate_mode=None)
    runs, score = measure_talk(ToneModel(), settings, talk)
    assert score.hours == pytest.approx(12 / 3600)
    assert (score.said, score.said_fired, score.false) == (
        Counter(yes=1, stop=1),
        Counter(yes=1, stop=1),
        Counter(no=1),
    )
    again = sum((run.score(settings) for run in runs), type(score)())
    assert again == score
    strict = decision_settings(gate_mode=None, thresholds=dict.fromkeys(("yes", "no", "stop"), 1.0))
    assert sum((run.score(strict) for run in runs), type(score)()).false == Counter()


def test_hidden_transcripts_are_not_meant(talk: Path) -> None:
    before = list(read_transcripts(talk))
    transcript = next(talk.rglob("*.trans.txt"))
    transcript.with_name(f"._{transcript.name}").write_bytes(b"\xff of a Mac")
    transcript.write_bytes(b"\xef\xbb\xbf" + transcript.read_bytes().replace(b"\n", b"\r\n"))
    assert list(read_transcripts(talk)) == before


def test_talk_without_transcripts_or_with_missing_files_is_told(talk: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match=r"has no \*.trans.txt"):
        measure_talk(ToneModel(), decision_settings(), tmp_path / "none")
    (talk / "7" / "7-1-0001.wav").unlink()
    with pytest.raises(DatasetError, match="names 7-1-0001, but there is no such sound file"):
        list(join_chapters(talk))
    soundfile.write(talk / "7" / "7-1-0001.wav", np.zeros(0), 16_000)
    with pytest.raises(DatasetError, match="contains no samples"):
        list(join_chapters(talk))
