"""What stayed, what went and what came."""

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection
from kws_live.panel.hindsight import Hindsight, compare


def detection(word: str, seconds: float) -> Detection:
    position = round(seconds * SAMPLE_RATE_HZ)
    return Detection(keyword=word, score=0.9, position=position, decided_position=position)


def test_what_stayed_went_and_came_is_counted() -> None:
    happened = [detection("yes", 1.0), detection("no", 3.0), detection("yes", 9.0)]
    # 1.3 is the "yes" of 1.0, a little later; "no" is gone; "stop" is new; a "no" at 9.0 is not the "yes" of 9.0.
    replayed = [detection("yes", 1.3), detection("stop", 5.0), detection("no", 9.0)]
    result = compare(happened, replayed, 0, 10 * SAMPLE_RATE_HZ)
    assert result.stayed == (happened[0],)
    assert result.gone == (happened[1], happened[2])
    assert result.come == (replayed[1], replayed[2])
    assert result.seconds == 10.0


def test_one_detection_stands_for_one_only() -> None:
    result = compare([detection("yes", 1.0)], [detection("yes", 0.8), detection("yes", 1.2)], 0, SAMPLE_RATE_HZ)
    assert (len(result.stayed), len(result.come)) == (1, 1)


def test_what_lies_before_the_time_looked_at_does_not_count() -> None:
    begin = 5 * SAMPLE_RATE_HZ
    result = compare([detection("yes", 4.0)], [detection("yes", 3.0)], begin, 2 * begin)
    assert result == Hindsight((), (), (), 5.0)
