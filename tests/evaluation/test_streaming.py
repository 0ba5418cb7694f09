from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_LABEL, UNKNOWN
from kws_live.errors import DatasetError
from kws_live.evaluation.effort import Effort, effort_of
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.labels import Label, write_labels
from kws_live.evaluation.streaming import (
    NOISE,
    StreamScore,
    measure_stream,
    score_stream,
    stream_pairs,
)
from kws_live.events import Detection
from kws_live.spotting.pipeline import HOP_SAMPLES
from tests.evaluation.tone_model import ToneModel
from tests.fakes import Hops, decision_settings, tone_words


def detection(word: str, seconds: float) -> Detection:
    position = round(seconds * SAMPLE_RATE_HZ)
    return Detection(keyword=word, score=0.9, position=position, decided_position=position)


# One minute: "yes" at 10 s, an unknown word at 20 s, "no" at 30 s, talk from 40 to 50 s.
LABELS = (
    Label(10.0, 10.5, "yes"),
    Label(20.0, 20.5, UNKNOWN),
    Label(30.0, 30.4, "no"),
    Label(40.0, 50.0, SPEECH_LABEL),
)


def n_false_accepts(score: StreamScore) -> int:
    """On noise, unknown words and talk together."""
    return sum(rate.count for rate in score.false_accepts.values())


def test_without_a_detection_every_word_is_missed_and_nothing_is_false() -> None:
    score = score_stream([], LABELS, 60.0)
    assert (score.hits, score.wrong, score.n_doubles) == (Share(0, 2), Share(0, 2), 0)
    assert score.unknown_fired == Share(0, 1)
    assert score.delays() is None
    # Hours in which a detection counts against each kind, with the tolerance of 1 s after each label:
    # the words 1.5 + 1.4 s are nobody's; unknown 1.5 s; talk 11 s; noise 60 - 1.5 - 1.5 - 1.4 - 11 = 44.6 s.
    assert [score.false_accepts[kind].count for kind in (UNKNOWN, SPEECH_LABEL, NOISE)] == [0, 0, 0]
    hours = [score.false_accepts[kind].hours for kind in (UNKNOWN, SPEECH_LABEL, NOISE)]
    assert hours == pytest.approx([1.5 / 3600, 11.0 / 3600, 44.6 / 3600])


def test_an_empty_recording_has_neither_words_nor_hours() -> None:
    score = score_stream([], [], 0.0)
    assert score.hits == Share(0, 0)
    assert n_false_accepts(score) == 0
    assert score.to_dict()["hits"]["value"] is None


def test_a_hit_has_the_delay_from_the_end_of_the_word() -> None:
    score = score_stream([detection("yes", 10.8), detection("no", 30.6)], LABELS, 60.0)
    assert score.hits == Share(2, 2)
    # 10.8 - 10.5 = 0.3 s and 30.6 - 30.4 = 0.2 s: median 0.25 s, 95 % 0.295 s between them.
    assert score.delays() == pytest.approx((0.25, 0.295), abs=1e-4)
    assert score.per_word() == {"no": Share(1, 1), "yes": Share(1, 1)}


def test_a_detection_before_the_word_or_long_after_it_is_a_false_accept_on_noise() -> None:
    score = score_stream([detection("yes", 9.9), detection("yes", 11.6)], LABELS, 60.0)
    assert score.hits == Share(0, 2)
    assert score.false_accepts[NOISE].count == 2
    # 2 in 44.6 s are 161.4 an hour.
    assert score.false_accepts[NOISE].per_hour == pytest.approx(2 * 3600 / 44.6)


def test_a_detection_at_the_very_end_of_the_tolerance_still_counts() -> None:
    assert score_stream([detection("yes", 11.5)], LABELS, 60.0).hits == Share(1, 2)
    assert score_stream([detection("yes", 11.5)], LABELS, 60.0, tolerance_seconds=0.9).hits == Share(0, 2)


def test_a_word_told_twice_is_a_hit_and_a_double() -> None:
    score = score_stream([detection("yes", 10.6), detection("yes", 11.3)], LABELS, 60.0)
    assert (score.hits, score.n_doubles, score.wrong) == (Share(1, 2), 1, Share(0, 2))
    assert score.false == ()


def test_another_word_told_is_a_wrong_word_and_a_miss() -> None:
    score = score_stream([detection("no", 10.6)], LABELS, 60.0)
    assert (score.hits, score.wrong) == (Share(0, 2), Share(1, 2))
    assert [event.keyword for event in score.false] == ["no"]
    assert n_false_accepts(score) == 0  # counted as wrong, not twice


def test_what_fires_on_unknown_words_and_on_talk_is_counted_apart() -> None:
    events = [detection("yes", 20.3), detection("no", 20.9), detection("no", 44.0), detection("no", 50.9)]
    score = score_stream(events, LABELS, 60.0)
    assert score.unknown_fired == Share(1, 1)
    assert [score.false_accepts[kind].count for kind in (UNKNOWN, SPEECH_LABEL, NOISE)] == [2, 2, 0]
    assert len(score.false) == 4


def test_of_two_near_words_a_detection_goes_to_its_own() -> None:
    # "no" begins 0.4 s after "yes" ends; the late "yes" is still the first word's, the "no" the second's.
    labels = (Label(1.0, 1.5, "yes"), Label(1.9, 2.4, "no"))
    score = score_stream([detection("yes", 2.1), detection("no", 2.45)], labels, 10.0)
    assert (score.hits, score.wrong, score.n_doubles) == (Share(2, 2), Share(0, 2), 0)


def test_a_word_said_twice_gets_a_hit_each() -> None:
    labels = (Label(1.0, 1.5, "yes"), Label(2.0, 2.5, "yes"))
    assert score_stream([detection("yes", 1.8), detection("yes", 2.6)], labels, 10.0).hits == Share(2, 2)
    # A single detection after both goes to the first, which is not told yet.
    assert [o.hit for o in score_stream([detection("yes", 2.3)], labels, 10.0).words] == [True, False]


def test_exposure_ends_where_the_next_label_begins_and_with_the_recording() -> None:
    labels = (Label(1.0, 1.5, UNKNOWN), Label(2.0, 2.5, "yes"), Label(9.0, 9.8, UNKNOWN))
    # unknown: 1.0 to 2.0 (cut by the next) and 9.0 to 10.0 (cut by the end); the word: 2.0 to 3.5; noise: 10 - 3.5.
    score = score_stream([], labels, 10.0)
    assert score.false_accepts[UNKNOWN].hours == pytest.approx(2.0 / 3600)
    assert score.false_accepts[NOISE].hours == pytest.approx(6.5 / 3600)


def test_scores_of_several_recordings_add_up() -> None:
    one = score_stream([detection("yes", 10.8), detection("no", 3.0)], LABELS, 60.0)
    total = sum((one, one), StreamScore())
    assert total.hits == Share(2, 4)
    assert total.false_accepts[NOISE].count == 2
    assert total.false_accepts[NOISE].hours == pytest.approx(2 * 44.6 / 3600)
    assert total.seconds == 120.0


@given(
    st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.floats(0, 61)), max_size=12),
    st.floats(0, 3),
)
def test_every_detection_counts_exactly_once(events: list[tuple[str, float]], tolerance: float) -> None:
    score = score_stream([detection(*event) for event in events], LABELS, 60.0, tolerance)
    n_wrong = sum(len(outcome.wrong) for outcome in score.words)
    assert score.hits.count + score.n_doubles + n_wrong + n_false_accepts(score) == len(events)
    assert len(score.false) == n_wrong + n_false_accepts(score)


def fired(hops: Hops) -> StreamScore:
    labels = (Label(0.05, 0.6, "yes"),)
    events = [event for event in hops.events if isinstance(event, Detection)]
    return score_stream(events, labels, hops.position / SAMPLE_RATE_HZ)


def test_one_burst_over_the_threshold_is_one_event_however_long() -> None:
    hops = Hops()
    hops.feed(10, yes=0.9)  # 0.8 s over the threshold
    hops.feed(20)
    score = fired(hops)
    assert (score.hits, score.n_doubles, n_false_accepts(score)) == (Share(1, 1), 0, 0)


def test_a_second_burst_within_the_refractory_time_is_none_and_one_after_it_is() -> None:
    # Refractory time 0.8 s = 10 hops. The first burst fires at hop 1; the second begins at hop 7 or at hop 12.
    for pause, n_doubles in ((5, 0), (10, 1)):
        hops = Hops()
        hops.feed(1, yes=0.9)
        hops.feed(pause)
        hops.feed(1, yes=0.9)
        hops.feed(10)
        assert fired(hops).n_doubles == n_doubles, pause


def test_events_at_the_first_and_the_last_hop_count() -> None:
    hops = Hops()
    hops.feed(1, no=0.9)
    hops.feed(40)
    hops.feed(1, no=0.9)
    events = [event for event in hops.events if isinstance(event, Detection)]
    assert [event.decided_position for event in events] == [HOP_SAMPLES, 42 * HOP_SAMPLES]
    assert score_stream(events, [], hops.position / SAMPLE_RATE_HZ).false_accepts[NOISE].count == 2


def write_tones(folder: Path, *words: tuple[str, float], seconds: float = 12.0) -> Path:
    path = folder / "tones.wav"
    soundfile.write(path, tone_words(words, seconds, 16_000), 16_000)
    write_labels(path.with_suffix(".csv"), [Label(at, at + 0.4, word) for word, at in words])
    return path


def test_a_recording_is_measured_through_the_live_pipeline(tmp_path: Path) -> None:
    path = write_tones(tmp_path, ("yes", 2.0), ("_unknown_", 4.0), ("stop", 6.0), ("no", 9.0))
    progress: list[float] = []
    done, score = measure_stream(
        ToneModel(), decision_settings(gate_mode=None), path, path.with_suffix(".csv"), None, progress.append
    )
    assert (score.hits, score.unknown_fired, len(score.false)) == (Share(3, 3), Share(0, 1), 0)
    assert sum(progress) == pytest.approx(12.0)
    assert done.score(decision_settings(gate_mode=None)) == score
    effort = effort_of(done.run, score)
    assert effort.seconds == pytest.approx(12.0)
    assert effort.hops.value == 1.0  # no gate, none saved
    assert effort.words_passed == Share(3, 3)
    assert len(effort.hit_cpu_seconds) == 3
    assert 0 < sum(effort.hit_cpu_seconds) <= effort.cpu_seconds


def test_the_gate_is_measured(tmp_path: Path) -> None:
    path = write_tones(tmp_path, ("yes", 2.0), ("no", 9.0))
    done, score = measure_stream(ToneModel(), decision_settings(gate_mode=3), path, path.with_suffix(".csv"))
    effort = effort_of(done.run, score)
    assert 0 < effort.hops.value < 1
    assert effort.hops.count == done.run.posteriors.shape[0]
    assert effort.words_passed.n == 2
    total = effort + Effort()
    assert total.to_dict() == effort.to_dict()


def test_a_stream_shorter_than_a_window_is_refused(tmp_path: Path) -> None:
    path = write_tones(tmp_path, seconds=0.9)
    with pytest.raises(DatasetError, match=r"0.90 s long; a stream must have at least one window"):
        measure_stream(ToneModel(), decision_settings(), path, path.with_suffix(".csv"))


def test_labels_are_checked_before_the_model_runs(tmp_path: Path) -> None:
    path = write_tones(tmp_path, ("yes", 2.0))
    write_labels(path.with_suffix(".csv"), [Label(11.5, 12.5, "yes")])

    class NoModel(ToneModel):
        def scorer(self) -> None:  # type: ignore[override]
            raise AssertionError("the model ran")

    with pytest.raises(DatasetError, match=r"ends at 12.5 s, but the recording ends at 12.000 s"):
        measure_stream(NoModel(), decision_settings(), path, path.with_suffix(".csv"))


def test_a_folder_gives_its_pairs(tmp_path: Path) -> None:
    for name in ("b.wav", "a.flac", "lonely.wav"):
        soundfile.write(tmp_path / name, np.zeros(16_000, np.float32), 16_000)
    for name in ("a.csv", "b.csv"):
        write_labels(tmp_path / name, [])
    assert [pair[0].name for pair in stream_pairs(tmp_path)] == ["a.flac", "b.wav"]
    assert stream_pairs(tmp_path / "b.wav") == [(tmp_path / "b.wav", tmp_path / "b.csv")]
    with pytest.raises(DatasetError, match="must contain pairs"):
        stream_pairs(tmp_path, tmp_path / "a.csv")
