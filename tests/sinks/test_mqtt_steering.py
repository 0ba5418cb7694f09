"""Home Assistant's controls change the settings, and follow them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kws_live.actions.mqtt_message import MqttConnection, split_mqtt
from kws_live.live.live_settings import LiveSettings
from kws_live.sinks.mqtt import Mqtt
from tests.broker import Broker, Subscriber
from tests.fakes import decision_settings
from tests.spoken import wait_until


@pytest.fixture
def settings() -> LiveSettings:
    return LiveSettings(decision_settings(mode="command"))


@pytest.fixture
def sink(broker: Broker, settings: LiveSettings) -> Iterator[Mqtt]:
    one = Mqtt(f"mqtt://127.0.0.1:{broker.port}/home/voice?discovery=ha", tuple(settings.thresholds))
    one.steer(settings)
    first = Subscriber(broker.port, "home/voice/settings", "first")
    first.next()  # now it hears what is set
    first.close()
    yield one
    one.close()


@pytest.fixture
def elsewhere(broker: Broker) -> Iterator[MqttConnection]:
    """Another program, which sends."""
    connection = MqttConnection(split_mqtt(f"mqtt://127.0.0.1:{broker.port}/x"))
    yield connection
    connection.close()


@pytest.fixture
def shown(broker: Broker, sink: Mqtt) -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port, "home/voice/settings", "shown")
    yield subscriber
    subscriber.close()


def until(shown: Subscriber, name: str, value: Any) -> dict[str, Any]:
    """The first state with this value."""
    while True:
        state: dict[str, Any] = json.loads(shown.next()[1])
        if state[name] == value:
            return state


def test_a_control_for_each_word_the_mode_and_listening_is_announced(
    broker: Broker, sink: Mqtt, settings: LiveSettings
) -> None:
    subscriber = Subscriber(broker.port, "ha/#")
    told = {topic: json.loads(payload) for topic, payload, _ in (subscriber.next() for _ in range(6))}
    subscriber.close()
    place = "kws_live_home_voice"
    assert set(told) == {
        f"ha/event/{place}/config", f"ha/select/{place}/mode/config", f"ha/switch/{place}/listening/config",
        *(f"ha/number/{place}/{word}/config" for word in settings.thresholds),
    }  # fmt: skip
    assert len({one["unique_id"] for one in told.values()}) == 6
    assert {json.dumps(one["device"]) for one in told.values()} == {
        json.dumps(told[f"ha/event/{place}/config"]["device"])
    }
    number = told[f"ha/number/{place}/yes/config"]
    assert number["command_topic"] == "home/voice/set/threshold/yes"
    assert number["value_template"] == '{{ value_json.thresholds["yes"] }}'
    assert told[f"ha/select/{place}/mode/config"]["options"] == ["command", "spotting"]


def test_what_is_set_there_counts_here_and_is_shown(
    sink: Mqtt, settings: LiveSettings, elsewhere: MqttConnection, shown: Subscriber
) -> None:
    elsewhere.publish("home/voice/set/threshold/yes", "0.83")
    elsewhere.publish("home/voice/set/mode", "spotting")
    state = until(shown, "mode", "spotting")
    assert state["thresholds"]["yes"] == settings.thresholds["yes"] == 0.83
    assert settings.snapshot().mode == "spotting"


def test_what_is_set_here_is_shown_there(settings: LiveSettings, shown: Subscriber) -> None:
    assert json.loads(shown.next()[1])["mode"] == "command"
    settings.set_threshold("no", 0.77)
    settings.change(mode="spotting", active=frozenset())
    state = until(shown, "listening", "OFF")
    assert (state["thresholds"]["no"], state["mode"]) == (0.77, "spotting")


def test_listening_goes_off_and_comes_back_with_the_words_it_had(
    settings: LiveSettings, elsewhere: MqttConnection, shown: Subscriber
) -> None:
    settings.change(active=frozenset({"yes"}))
    elsewhere.publish("home/voice/set/listening", "OFF")
    until(shown, "listening", "OFF")
    assert settings.snapshot().active == frozenset()
    elsewhere.publish("home/voice/set/listening", "ON")
    until(shown, "listening", "ON")
    assert settings.snapshot().active == frozenset({"yes"})


@pytest.mark.parametrize(
    ("topic", "payload"),
    [("threshold/yes", "7"), ("threshold/lamp", "0.5"), ("threshold/yes", "x"), ("mode", "loud"), ("listening", "1")],
)
def test_what_cannot_be_is_told_changes_nothing_and_the_true_state_is_shown_again(
    settings: LiveSettings,
    elsewhere: MqttConnection,
    shown: Subscriber,
    caplog: pytest.LogCaptureFixture,
    topic: str,
    payload: str,
) -> None:
    first = shown.next()[1]
    before = settings.snapshot()
    elsewhere.publish(f"home/voice/set/{topic}", payload)
    assert shown.next()[1] == first
    assert settings.snapshot() == before
    assert f"cannot be set: home/voice/set/{topic} {payload!r}: " in caplog.text


def test_a_command_that_the_broker_kept_is_not_done(
    broker: Broker, settings: LiveSettings, elsewhere: MqttConnection
) -> None:
    elsewhere.publish("home/voice/set/mode", "spotting", retain=True)
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}/home/voice?discovery=ha")
    sink.steer(settings)
    shown = Subscriber(broker.port, "home/voice/settings", "shown")
    elsewhere.publish("home/voice/set/threshold/yes", "0.9")
    while json.loads(shown.next()[1])["thresholds"]["yes"] != 0.9:
        elsewhere.publish("home/voice/set/threshold/yes", "0.9")
    assert settings.snapshot().mode == "command"
    sink.close()
    shown.close()


def test_another_models_words_take_the_place_of_those_before(
    broker: Broker, sink: Mqtt, settings: LiveSettings, shown: Subscriber
) -> None:
    shown.next()
    subscriber = Subscriber(broker.port, "ha/number/#")
    defaults = settings.defaults
    gone = next(iter(defaults.thresholds))
    rest = {word: value for word, value in defaults.thresholds.items() if word != gone}
    settings.adopt(decision_settings(thresholds={**rest, "lights on": 0.5}))
    told: dict[str, str] = {}
    new = "ha/number/kws_live_home_voice/lights_20_on/config"
    wait_until(lambda: new in _last(subscriber, told))
    assert told[f"ha/number/kws_live_home_voice/{gone}/config"] == ""
    added = json.loads(told[new])
    assert added["command_topic"] == "home/voice/set/threshold/lights%20on"
    subscriber.close()


def _last(subscriber: Subscriber, told: dict[str, str]) -> dict[str, str]:
    while not subscriber.is_empty():
        topic, payload, _ = subscriber.next()
        told[topic] = payload
    return told


def test_without_discovery_nothing_can_be_set(
    broker: Broker, settings: LiveSettings, elsewhere: MqttConnection
) -> None:
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}/home/voice")
    sink.steer(settings)
    before = settings.version
    seen = Subscriber(broker.port, "home/#", "seen")
    elsewhere.publish("home/voice/set/mode", "spotting")
    while seen.next()[0] != "home/voice/set/mode":
        pass
    assert settings.version == before
    sink.close()
    seen.close()
