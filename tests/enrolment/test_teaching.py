from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ, Samples
from kws_live.detection import detect
from kws_live.enrolment.classifier import SCALE, fit
from kws_live.enrolment.expectation import (
    SPOTTED_PER_HOUR,
    THRESHOLD,
    Before,
    Expectation,
    bias_for,
    likely,
    longest_word,
    n_events,
)
from kws_live.enrolment.judge import Judge
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import write_taught
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.errors import DatasetError
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.model.taught_words import logistic
from kws_live.spotting.decision_settings import DecisionSettings
from tests.enrolment.spoken_takes import demo_word, takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


@pytest.fixture(scope="module")
def teacher(commands_model: Model) -> Teacher:
    return Teacher(commands_model)


@pytest.fixture(scope="module")
def judge(teacher: Teacher, commands_model: Model) -> Judge:
    return Judge(teacher, commands_model)


def taken(*words: str, n: int = 5, backwards: bool = False) -> list[Take]:
    return [Take.of(f"take {i}", samples) for i, samples in enumerate(takes_of(*words, n=n, backwards=backwards))]


@pytest.fixture(scope="module")
def word(teacher: Teacher, commands_model: Model) -> TaughtWord:
    """Two words said as one, from five takes."""
    return teacher.teach("left off", [take.features(commands_model) for take in taken("left", "off")])


def told(model: Model, samples: Samples) -> list[str]:
    live = LiveSettings(DecisionSettings(thresholds=dict(model.card.thresholds), mode="spotting"))
    events = detect(np.pad(samples, 8000), rate_hz=SPEECH_RATE_HZ, model=model, settings=live)
    return [event.keyword for event in events if isinstance(event, Detection)]


def test_a_taught_word_is_heard_and_the_others_are_not_taken_for_it(
    word: TaughtWord, commands_model: Model, demo_audio: Samples, tmp_path: Path
) -> None:
    model = write_taught(commands_model, tmp_path / "mine", [word])
    unseen = takes_of("left", "off", n=4)[1]  # at a speed that it was not taught with
    assert "left off" in told(model, unseen)
    with_word, without = (
        [(event.keyword, event.position) for event in detect(demo_audio, model=one) if isinstance(event, Detection)]
        for one in (model, commands_model)
    )
    assert with_word == without
    assert len(without) >= 8


def test_where_a_taught_word_is_not_heard_the_networks_posteriors_stay_what_they_are_bit_for_bit(
    word: TaughtWord, commands_model: Model, tmp_path: Path
) -> None:
    model = write_taught(commands_model, tmp_path / "mine", [word])
    for sound, same in ((demo_word("stop"), True), (takes_of("left", "off", n=2)[0], False)):
        before, after = scores_of(commands_model, sound), scores_of(model, sound)
        assert after.shape == (len(before), len(before[0]) + 1)
        assert (after[:, -1].max() <= 0.5) == same
        assert np.array_equal(after[:, :-1], before) == same


def scores_of(model: Model, sound: Samples, ahead: int = 0) -> NDArray[np.float32]:
    """Of each hop of a sound that begins in silence, as they come live; so many samples are read ahead."""
    score, hop = model.stream_scorer(HOP_SECONDS), round(HOP_SECONDS * SPEECH_RATE_HZ)
    window = round(model.window_seconds * SPEECH_RATE_HZ)
    stream = np.pad(sound, (window, SPEECH_RATE_HZ))
    starts = range(0, stream.size - window + 1, hop)
    return np.array([score(stream[at : at + window + ahead], at > 0).posteriors for at in starts])


def test_reading_ahead_changes_no_bit_of_a_taught_words_score(
    word: TaughtWord, commands_model: Model, tmp_path: Path
) -> None:
    model, sound = write_taught(commands_model, tmp_path / "mine", [word]), takes_of("left", "off", n=2)[0]
    one_by_one = scores_of(model, sound)
    assert one_by_one[:, -1].max() > 0.8
    assert all(np.array_equal(scores_of(model, sound, ahead), one_by_one) for ahead in (3 * 1280, 7 * 1280 + 500))


def test_a_word_scores_when_it_is_taught_as_it_does_live(
    word: TaughtWord, teacher: Teacher, commands_model: Model, tmp_path: Path
) -> None:
    take = Take.of("a", takes_of("left", "off", n=4)[1])
    hops = teacher.slide(take.features(commands_model))
    top = (hops.vectors @ word.weights).max()
    fainter = replace(word, bias=2.0 - float(top))  # where a score is steep
    taught = teacher.scores(fainter, hops).max()
    live = scores_of(write_taught(commands_model, tmp_path / "mine", [fainter]), take.samples)[:, -1].max()
    assert taught == pytest.approx(live, abs=0.1)
    assert 0.5 < taught < 0.9


def test_what_to_expect_is_measured(word: TaughtWord) -> None:
    expected = word.expectation
    assert (expected.n_takes, expected.n_tries) == (5, 5)
    assert expected.hits >= 4
    assert 0.3 < expected.hours < 1
    assert expected.false_command <= expected.false_spotting <= 2 * SPOTTED_PER_HOUR * expected.hours
    first = expected.lines("left off")[0]
    assert first.startswith(f'"left off": {expected.hits} of 5 takes were recognised, each when left out')


def test_a_word_like_one_of_the_ten_is_told_with_the_share_of_confusions(
    teacher: Teacher, commands_model: Model
) -> None:
    like = teacher.teach("gow", [take.features(commands_model) for take in taken("go")])
    assert like.expectation.alike.get("go", 0) > 0.1
    assert any(line.startswith("expect confusions with 'go' (in ") for line in like.expectation.lines("gow"))


def test_teaching_again_from_the_same_takes_gives_the_same_word(word: TaughtWord, teacher: Teacher) -> None:
    again = teacher.weights_of(word.takes)
    assert np.array_equal(again[0], word.weights)
    assert again[1] == word.bias


def test_one_take_is_too_few(teacher: Teacher, commands_model: Model) -> None:
    with pytest.raises(DatasetError, match="1 take of 'hoy' is not enough; give 3 to 10"):
        teacher.teach("hoy", [taken("go")[0].features(commands_model)])


def test_identical_files_count_once(judge: Judge) -> None:
    good, refused = judge.sort([taken("left", "off")[0]] * 5)
    assert len(good) == 1
    assert [reason.split(";")[0] for _, reason in refused] == ["the same recording as take 0"] * 4


def test_a_take_of_another_word_is_found(judge: Judge) -> None:
    good, refused = judge.sort([*taken("left", "off"), taken("right")[2]])
    assert len(good) == 5
    assert "unlike the other takes" in refused[0][1]
    assert "unlike the takes before it" in str(judge.fault(taken("right")[2], good))


def test_two_takes_of_two_words_are_not_taken_for_one(judge: Judge) -> None:
    left, right = taken("left", "off")[0], taken("right")[2]
    assert "unlike the takes before it" in str(judge.fault(right, [left]))
    assert [take.name for take in judge.sort([left, right])[0]] == [left.name]


def test_music_is_no_take(judge: Judge) -> None:
    at = np.arange(SPEECH_RATE_HZ) / SPEECH_RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * at) for hz in (262, 330, 392)) * np.exp(-2 * at) * 0.2
    take = Take.of("music", np.pad(np.asarray(chord, np.float32), 6000) + 1e-4)
    assert str(judge.fault(take, [])).startswith("noise or music, not a voice")


def test_a_word_lies_along_the_line_between_the_means() -> None:
    here, there = np.array([1, 1, 1, 1], np.float32), np.array([-1, 1, 1, 1], np.float32)
    assert fit(here, there).tolist() == [SCALE, 0, 0, 0]  # nothing for what both have
    assert np.isfinite(fit(here, here)).all()


def test_events_are_counted_once_a_second_and_the_bias_keeps_their_rate() -> None:
    scores = np.zeros(100)
    scores[10:14] = scores[18:21] = scores[60:63] = 1  # the first two are within a second
    assert n_events(scores, 0.9) == 2
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, 45_000)  # an hour
    bias = bias_for(logits, 1.0)
    assert SPOTTED_PER_HOUR - 2 <= n_events(logistic(logits + bias), THRESHOLD) <= SPOTTED_PER_HOUR
    assert n_events(logistic(logits + bias + 0.1), THRESHOLD) > SPOTTED_PER_HOUR


def test_an_expectation_says_what_is_alike_and_that_two_takes_are_few() -> None:
    lines = Expectation(2, 1, 2, 0.5, 0, 3, {"go": 0.4, "no": 0.02}, 0.6).lines("gogo")
    assert lines == [
        '"gogo": 1 of 2 takes were recognised, each when left out of the learning; 95 % interval: 9 to 91 %',
        "false accepts in 30 minutes of speech and noise: 0 in command mode, 3 in spotting mode",
        "other voices, rooms and distances will be recognised less often; a few takes of each help",
        "expect confusions with 'go' (in 40 % of recordings): the words are too similar",
        "2 takes are few; with 5 it will be recognised more often",
    ]


def test_an_expectation_says_where_a_word_differs_from_another_and_what_it_is_taken_for() -> None:
    usual = Expectation(5, 5, 5, 0.5, 0, 0, {"lights on": 0.4, "go": 0.2, "no": 0.3})
    told = replace(usual, taken_for={"no": 0.3}, differ={"lights on": "end", "go": "beginning"})
    assert told.lines("lights off")[-3:] == [
        "expect confusions with 'lights on' (in 40 % of recordings): only the last 0.3 s differ",
        "expect confusions with 'no' (in 30 % of recordings): the words are too similar; "
        "30 % of the takes are recognised as it",
        "expect confusions with 'go' (in 20 % of recordings): only the beginning differs",
    ]


def test_takes_of_one_voice_are_answered_with_the_advice_to_vary_them() -> None:
    usual = Expectation(5, 5, 5, 0.5, 0, 0)
    assert "a few takes of each help" in usual.lines("lamp")[-1]
    assert "a take from across the room" in replace(usual, likeness=0.9).lines("lamp")[-1]


def test_more_takes_are_asked_for_where_they_vary_and_not_where_they_are_many() -> None:
    vary = Expectation(3, 3, 3, 0.5, 0, 0, likeness=0.6)
    assert "the takes vary, so 6 more would help; other voices" in vary.lines("lamp")[-1]
    assert "the takes vary, so 7 more would help" in replace(vary, likeness=0.4).lines("lamp")[-1]  # ten, no more
    assert "more takes like these add little; other voices" in replace(vary, n_takes=5, likeness=0.79).lines("lamp")[-1]


def test_the_share_behind_a_few_hits_is_wilsons_interval() -> None:
    # Five of five: 1 / (1 + 1.96^2 / 5) = 0.566. Two of four: 0.5 +- 1.96 sqrt(0.25 / (4 + 1.96^2)) = 0.5 +- 0.350.
    assert likely(5, 5) == pytest.approx((0.566, 1.0), abs=1e-3)
    assert likely(2, 4) == pytest.approx((0.150, 0.850), abs=1e-3)
    assert likely(0, 3)[0] == 0


def test_a_list_says_the_same_in_one_line() -> None:
    told = Expectation(5, 4, 5, 0.5, 1, 3, {"go": 0.4, "no": 0.02}, 0.6)
    assert told.line() == "5 takes, 4 of 5 recognised; 1 false accepts in 30 min of speech and noise; too similar to go"
    assert replace(told, n_spoken=5).line().startswith("5 synthetic takes, 4 of 5 recognised; ")
    adapted = replace(told, alike={}, before=Before(2, 0, 1))
    assert adapted.line() == "5 takes, 4 of 5 recognised (2 before); 1 false accepts in 30 min of speech and noise"
    assert Expectation.from_dict(adapted.to_dict()) == adapted


def test_a_word_like_a_taught_one_is_told_whichever_was_taught_first(
    word: TaughtWord, teacher: Teacher, commands_model: Model
) -> None:
    features = [take.features(commands_model) for take in taken("left", "off", n=4)]
    assert teacher.teach("the same", features, [word]).expectation.alike["left off"] > 0.5
    features = [take.features(commands_model) for take in taken("stop", backwards=True)]
    assert teacher.teach("pots", features, [word]).expectation.alike.get("left off", 0) < 0.5


@pytest.fixture(scope="module")
def accent(teacher: Teacher, commands_model: Model) -> TaughtWord:
    """The word "stop" as nobody says it: backwards."""
    takes = taken("stop", n=4, backwards=True)
    return teacher.teach("stop", [take.features(commands_model) for take in takes])


def test_a_word_that_the_network_does_not_hear_is_fitted_to_a_voice_and_before_and_after_are_shown(
    accent: TaughtWord, commands_model: Model, tmp_path: Path
) -> None:
    expected = accent.expectation
    assert accent.adapted
    assert expected.before is not None
    assert expected.before.hits < expected.hits
    lines = expected.lines("stop")
    assert lines[0].startswith(f'"stop": {expected.before.hits} of 4 takes were recognised before, {expected.hits} now')
    assert f" {expected.before.false_command} before, {expected.false_command} now; in spotting mode" in lines[1]
    model = write_taught(commands_model, tmp_path / "mine", [accent])
    unseen = takes_of("stop", n=5, backwards=True)[1]
    assert "stop" in told(model, unseen)


def test_long_words_are_given_the_time_they_take() -> None:
    assert longest_word(0.5) == DecisionSettings.longest_word_seconds
    assert longest_word(1.4) == pytest.approx(2.1)
