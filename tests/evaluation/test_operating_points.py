import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.evaluation.intervals import Rate, Share
from kws_live.evaluation.labels import Label
from kws_live.evaluation.operating_points import OperatingPoint, Sweep, compare, sweep, threshold_for
from kws_live.evaluation.recorded_run import record
from kws_live.evaluation.streaming import LabelledRun, StreamScore, score_stream
from kws_live.events import Detection
from kws_live.sources.array import ArraySource
from tests.evaluation.tone_model import ToneModel
from tests.fakes import decision_settings, tone_words


def detection(word: str, seconds: float) -> Detection:
    position = round(seconds * SAMPLE_RATE_HZ)
    return Detection(keyword=word, score=0.9, position=position, decided_position=position)


LABELS = (Label(1.0, 1.5, "yes"), Label(5.0, 5.5, "yes"), Label(9.0, 9.5, "no"))


def score(*events: tuple[str, float]) -> StreamScore:
    return score_stream([detection(*event) for event in events], LABELS, 36.0)


def test_a_words_points_count_its_own_misses_and_false_accepts_only() -> None:
    # 36 s are 0.01 h. At 0.5: "yes" told once of twice, "no" told; false: "no" at 20 s and "no" at the first "yes".
    swept = Sweep({0.5: score(("no", 1.6), ("yes", 5.6), ("no", 9.6), ("no", 20.0)), 0.9: score()}, ("yes", "no", "up"))
    assert swept.of("yes") == (
        OperatingPoint(0.5, Share(1, 2), Rate(0, 0.01)),
        OperatingPoint(0.9, Share(2, 2), Rate(0, 0.01)),
    )
    assert swept.of("no")[0] == OperatingPoint(0.5, Share(0, 1), Rate(2, 0.01))
    assert swept.of("up")[0] == OperatingPoint(0.5, Share(0, 0), Rate(0, 0.01))
    assert swept.all_words()[0] == OperatingPoint(0.5, Share(1, 3), Rate(2, 0.01))


def points(*counts: int) -> list[OperatingPoint]:
    return [OperatingPoint(i / 10, Share(0, 0), Rate(count, 10.0)) for i, count in enumerate(counts, 1)]


@pytest.mark.parametrize(
    ("counts", "per_hour", "threshold"),
    [
        ((90, 40, 20, 0), 2.0, 0.3),
        ((90, 40, 20, 0), 1.9, 0.4),
        ((90, 40, 20, 0), 100.0, 0.1),
        ((90, 40, 20, 10), 0.5, None),
        # 0.2 is below the target by chance: 0.3 is above it again, and so are both together.
        ((90, 20, 40, 0), 2.0, 0.4),
        # One stray event at the highest threshold is chance too, and the events before it are not.
        ((90, 40, 0, 0, 1), 0.05, 0.3),
        ((90, 40, 0, 0, 1), 0.03, None),
    ],
)
def test_the_threshold_for_a_rate_is_the_lowest_that_keeps_it_on_the_curve_that_only_falls(
    counts: tuple[int, ...], per_hour: float, threshold: float | None
) -> None:
    found = threshold_for(points(*counts), per_hour)
    assert (found and found.threshold) == threshold


@pytest.mark.slow
def test_a_sweep_gives_what_new_runs_would_give() -> None:
    words = [("yes", 1.0), ("no", 3.0), ("stop", 5.0), ("yes", 7.0)]
    audio = tone_words(words, 9.0, 16_000)
    settings = decision_settings(gate_mode=None)
    run, _ = record(ToneModel(), settings, ArraySource(audio, 16_000))
    labelled = LabelledRun(run, tuple(Label(at, at + 0.4, word) for word, at in words))
    done: list[float] = []
    swept = sweep([labelled, labelled], settings, (0.2, 0.6, 0.98), done.append)
    assert len(done) == 3
    for threshold in (0.2, 0.6, 0.98):
        now = decision_settings(gate_mode=None, thresholds=dict.fromkeys(("yes", "no", "stop"), threshold))
        _, detections = record(ToneModel(), now, ArraySource(audio, 16_000))
        new = score_stream(detections, labelled.labels, run.seconds)
        assert swept.scores[threshold].hits == Share(2 * new.hits.count, 8)
    misses = [point.missed.count for point in swept.all_words()]
    assert misses == sorted(misses)
    assert misses[0] == 0


def test_two_settings_are_compared_word_by_word() -> None:
    # First: hits the first "yes" and "no". Second: both "yes". So one word lost, one gained of three; the false "no"
    # at 20 s is in both (0.5 s apart) and cancels; the second alone has "yes" at 30 s, the first "no" at 25 s.
    first = score(("yes", 1.6), ("no", 9.6), ("no", 20.0), ("no", 25.0))
    second = score(("yes", 1.7), ("yes", 5.6), ("no", 20.5), ("yes", 30.0))
    comparison = compare([first], [second])
    assert (comparison.hits.only_first, comparison.hits.only_second, comparison.hits.n) == (1, 1, 3)
    assert (comparison.false.only_first, comparison.false.only_second) == (1, 1)
    assert comparison.false.n == pytest.approx(0.01)
    assert compare([first], [first]).hits.value == 0.0
    assert compare([first], [score()]).false.value == pytest.approx(-200.0)  # 2 fewer in 0.01 h


def test_false_accepts_of_another_word_or_another_time_do_not_cancel() -> None:
    comparison = compare([score(("no", 20.0), ("no", 30.0))], [score(("yes", 20.0), ("no", 31.1))])
    assert (comparison.false.only_first, comparison.false.only_second) == (2, 2)


def test_scores_of_different_recordings_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different recordings"):
        compare([score()], [score_stream([], LABELS[:2], 36.0)])
