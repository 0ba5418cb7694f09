import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker, Subscriber
from spoken import spoken

from kws_live.actions.mqtt_message import MqttConnection, MqttMessage, split_mqtt
from kws_live.errors import ConfigError
from kws_live.events import SpeechStarted
from kws_live.sinks import open_sink


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.kill()


def test_each_event_is_published_and_the_state_is_kept_for_who_comes_later(broker: Broker) -> None:
    subscriber = Subscriber(broker.port, "home/voice/#")
    sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/home/voice")
    assert subscriber.next() == ("home/voice/state", "online", False)
    sink.send(spoken("yes"))
    sink.send(SpeechStarted(position=1))
    topic, payload, retained = subscriber.next()
    assert (topic, json.loads(payload)["keyword"], retained) == ("home/voice/detection", "yes", False)
    assert subscriber.next()[0] == "home/voice/speech_started"
    late = Subscriber(broker.port, "home/voice/#", "late")
    assert late.next() == ("home/voice/state", "online", True)
    sink.close()
    assert subscriber.next() == ("home/voice/state", "offline", False)
    subscriber.close()
    late.close()


def test_a_broker_killed_in_mid_run_loses_nothing_and_the_order_is_kept(broker: Broker) -> None:
    subscriber = Subscriber(broker.port, "voice/detection")
    sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/voice")
    sink.send(spoken("go"))
    assert json.loads(subscriber.next()[1])["keyword"] == "go"
    # The broker has written down who subscribes once it is told of a change and a second is over.
    sink.send(spoken("on"))
    assert json.loads(subscriber.next()[1])["keyword"] == "on"
    broker.kill()
    words = ["up", "down", "left", "right", "stop"]
    for word in words:
        sink.send(spoken(word))
    broker.start()
    heard: list[str] = []
    while "stop" not in heard:
        heard.append(json.loads(subscriber.next()[1])["keyword"])
    # At least once: what was under way when the broker died may come twice.
    assert [word for number, word in enumerate(heard) if word not in heard[:number] and word in words] == words
    sink.close()
    subscriber.close()


def test_a_program_that_vanishes_is_told_by_its_last_will(broker: Broker) -> None:
    subscriber = Subscriber(broker.port, "voice/state")
    code = "import sys, time; from kws_live.sinks.mqtt import Mqtt; sink = Mqtt(sys.argv[1]); time.sleep(600)"
    program = subprocess.Popen([sys.executable, "-c", code, f"mqtt://127.0.0.1:{broker.port}/voice"])
    assert subscriber.next()[1] == "online"
    program.kill()
    program.wait()
    assert subscriber.next()[1] == "offline"
    subscriber.close()


def test_home_assistant_is_told_of_an_entity_with_the_models_words(broker: Broker) -> None:
    subscriber = Subscriber(broker.port, "homeassistant/#")
    sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/home/voice?discovery=homeassistant", ("yes", "no"))
    topic, payload, _ = subscriber.next()
    entity = json.loads(payload)
    assert topic == "homeassistant/event/kws_live_home_voice/config"
    assert entity["event_types"] == ["yes", "no"]
    assert (entity["state_topic"], entity["availability_topic"]) == ("home/voice/detection", "home/voice/state")
    # What Home Assistant's template makes of a detection must be JSON with a known event type.
    event = spoken("yes", score=0.5).to_dict()
    made = entity["value_template"]
    for name in ("keyword", "score"):
        made = made.replace("{{ value_json." + name + " }}", str(event[name]))
    assert json.loads(made) == {"event_type": "yes", "score": 0.5}
    sink.close()
    subscriber.close()


def test_an_action_publishes_its_own_payload(broker: Broker) -> None:
    subscriber = Subscriber(broker.port, "robot/move")
    connection = MqttConnection(split_mqtt(f"mqtt://127.0.0.1:{broker.port}/robot/move"))
    MqttMessage(connection, "robot/move", "{keyword} {score}").do(spoken("left"))
    assert subscriber.next() == ("robot/move", "left 0.900", False)
    connection.close()
    subscriber.close()


def test_listening_goes_on_and_ends_while_there_is_no_broker() -> None:
    sink = open_sink("mqtt://127.0.0.1:1/voice")
    sink.send(spoken("yes"))
    sink.close()
    sink.close()


@pytest.mark.parametrize(
    "url", ["mqtt:", "mqtt://host", "mqtt://host/", "mqtt://host/a/+", "mqtt://host/a#b", "mqtt://host:x/a"]
)
def test_what_is_no_address_or_topic_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no MQTT address"):
        open_sink(url)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown options colour; known: ca, discovery"):
        open_sink("mqtt://host/topic?colour=red")
