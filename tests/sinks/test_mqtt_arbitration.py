"""Of several listeners that hear the same word, one answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import kws_live
from kws_live.actions.mqtt_message import MqttConnection, split_mqtt
from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.sinks.mqtt import Mqtt
from kws_live.sinks.mqtt_arbitration import best_of
from tests.broker import Broker, Subscriber

UNKNOWN = -np.inf
GAINS = (0.2, 1.0, 0.05)
"""The second listener is the nearest."""


def word(keyword: str = "yes", margin: float = 0.2) -> Detection:
    return Detection(
        keyword=keyword, score=0.9, position=1, decided_position=1, margin=margin, level_db=-20.0, snr_db=30.0
    )


def sink(broker: Broker, seconds: float) -> Mqtt:
    return Mqtt(f"mqtt://127.0.0.1:{broker.port}/home/voice?arbitrate={seconds}")


@pytest.fixture
def answers(broker: Broker) -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port, "home/voice/detection", "answers")
    yield subscriber
    subscriber.close()


@pytest.fixture
def elsewhere(broker: Broker) -> Iterator[MqttConnection]:
    """Another listener, which sends what the test says."""
    connection = MqttConnection(split_mqtt(f"mqtt://127.0.0.1:{broker.port}/x"))
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("claims", "best"),
    [
        ({"a": (-20.0, 30.0, 0.2), "b": (-30.0, 20.0, 0.1)}, "a"),
        ({"a": (-20.0, 10.0, 0.1), "b": (-30.0, 20.0, 0.2)}, "b"),  # a high gain alone is not near
        ({"a": (-20.0, 20.0, 0.1), "b": (-30.0, 20.0, 0.2)}, "a"),  # as often ahead: the level
        ({"a": (UNKNOWN, UNKNOWN, 0.3), "b": (-30.0, 20.0, 0.1)}, "b"),
        ({"a": (-20.0, 20.0, 0.1), "b": (-20.0, 20.0, 0.1)}, "b"),  # the same for all who compare
        ({"a": (-20.0, 20.0, 0.1)}, "a"),
    ],
)
def test_the_best_is_ahead_in_most_measures(claims: dict[str, tuple[float, ...]], best: str) -> None:
    assert best_of(claims) == best


def test_of_three_listeners_to_one_recording_the_nearest_alone_answers_each_word(
    broker: Broker, answers: Subscriber, demo_audio: Samples, demo_words: list[str], tmp_path: Path
) -> None:
    noise = np.random.default_rng(4).normal(0.0, 3e-4, demo_audio.size)
    heard: list[list[str]] = [[] for _ in GAINS]
    spotters = []
    for n, (gain, words) in enumerate(zip(GAINS, heard, strict=True)):
        path = tmp_path / f"{n}.wav"
        soundfile.write(path, (gain * demo_audio + noise)[: round(5.6 * SAMPLE_RATE_HZ)], SAMPLE_RATE_HZ)
        one = sink(broker, 1.0)  # on a busy machine they begin further apart than 0.3 s
        one.send(word(f"hello {n}"))
        assert "hello" in answers.next()[1]  # it is connected, and hears
        spotters.append(kws_live.listen(path, sinks=[one]))
        spotters[-1].on()(lambda detection, words=words: words.append(detection.keyword))
    for spotter in spotters:
        spotter.start()
    for spotter in spotters:
        with spotter:
            spotter.wait()
    told = [json.loads(answers.next()[1]) for _ in demo_words[:3]]
    assert answers.is_empty()
    assert [answer["keyword"] for answer in told] == demo_words[:3]
    assert heard == [demo_words[:3]] * 3
    assert len({answer["listener"] for answer in told}) == 1
    assert min(answer["level_db"] for answer in told) > -30.0


def test_a_listener_alone_answers_and_so_do_two_that_hear_different_words(broker: Broker, answers: Subscriber) -> None:
    first, second = sink(broker, 0.3), sink(broker, 0.3)
    first.send(word("yes", 0.1))
    second.send(word("no", 0.3))
    assert {json.loads(answers.next()[1])["keyword"] for _ in range(2)} == {"yes", "no"}
    first.close()
    second.close()


@pytest.mark.parametrize(("claimed", "answered"), [(-60.0, True), (0.0, False)])
def test_a_listener_that_is_behind_another_does_not_answer(
    broker: Broker, answers: Subscriber, elsewhere: MqttConnection, claimed: float, answered: bool
) -> None:
    claims = Subscriber(broker.port, "home/voice/claim", "claims")
    one = sink(broker, 0.5)
    one.send(word("go"))  # it is connected, and hears
    assert json.loads(answers.next()[1])["keyword"] == "go"
    claims.next()
    one.send(word("yes"))
    claims.next()
    other = {"listener": "hall", "keyword": "yes", "level_db": claimed, "snr_db": claimed + 40.0, "margin": 0.2}
    elsewhere.publish("home/voice/claim", json.dumps(other))
    elsewhere.publish("home/voice/claim", "no JSON")
    one.send(word("stop"))
    keywords = [json.loads(answers.next()[1])["keyword"] for _ in range(1 + answered)]
    assert keywords == (["yes", "stop"] if answered else ["stop"])
    claims.close()
    one.close()


def test_where_another_has_answered_already_the_better_one_does_not(
    broker: Broker, answers: Subscriber, elsewhere: MqttConnection
) -> None:
    one = sink(broker, 1.0)
    one.send(word("go"))
    assert json.loads(answers.next()[1])["keyword"] == "go"
    other = {"listener": "hall", "keyword": "yes", "level_db": -60.0, "snr_db": 3.0, "margin": 0.1}
    elsewhere.publish("home/voice/claim", json.dumps(other))
    elsewhere.publish("home/voice/detection", json.dumps(other))
    assert json.loads(answers.next()[1])["listener"] == "hall"
    one.send(word("yes"))
    one.send(word("stop"))
    assert json.loads(answers.next()[1])["keyword"] == "stop"
    one.close()


@pytest.mark.parametrize("seconds", ["0", "x", "-1", "60", "nan", ""])
def test_a_time_that_cannot_be_is_refused(seconds: str) -> None:
    with pytest.raises(ConfigError, match=r"must be 0.05 to 5 seconds, as in \?arbitrate=0.3"):
        Mqtt(f"mqtt://127.0.0.1:1/home?arbitrate={seconds}")
