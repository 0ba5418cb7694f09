import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kws_live.actions import mqtt_message
from kws_live.actions.mqtt_message import MqttConnection, MqttMessage, split_mqtt
from kws_live.errors import ActionError, ConfigError
from kws_live.events import SpeechStarted
from kws_live.sinks import bindings, open_sink
from tests.broker import Broker, Subscriber
from tests.spoken import spoken, wait_until


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
    event = {**spoken("yes", score=0.5).to_dict(), "snr_db": 21.5}
    made = entity["value_template"]
    for name in ("keyword", "score", "margin"):
        made = made.replace("{{ value_json." + name + " }}", str(event[name]))
    for name in ("level_db", "snr_db"):
        made = made.replace("{{ value_json." + name + " | tojson }}", json.dumps(event[name]))
    assert json.loads(made) == {"event_type": "yes", "score": 0.5, "margin": 0.0, "level_db": None, "snr_db": 21.5}
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
    with pytest.raises(ConfigError, match="is not an MQTT address"):
        open_sink(url)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown options colour; known: arbitrate, ca, discovery"):
        open_sink("mqtt://host/topic?colour=red")


# Nothing late.


def publish(connection: MqttConnection, payload: str) -> None:
    MqttMessage(connection, "robot/move", payload).do(spoken("go"))


def test_what_a_frozen_broker_did_not_confirm_is_not_done_when_it_thaws(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_message, "LIMIT_SECONDS", 0.5)
    subscriber = Subscriber(broker.port, "robot/move")
    connection = MqttConnection(split_mqtt(f"mqtt://127.0.0.1:{broker.port}/robot/move"))
    publish(connection, "first")
    assert subscriber.next()[1] == "first"
    broker.freeze()
    with pytest.raises(ActionError, match="did not confirm a message"):
        publish(connection, "late")
    with pytest.raises(ActionError, match="no connection to mqtt://"):
        publish(connection, "later")
    broker.thaw()
    wait_until(lambda: works(connection, "fresh"))
    assert subscriber.next()[1] == "fresh"
    connection.close()
    subscriber.close()
    assert subscriber.is_empty()


def works(connection: MqttConnection, payload: str) -> bool:
    try:
        publish(connection, payload)
    except ActionError:
        return False
    return True


def test_what_was_lost_with_a_broker_is_not_sent_when_it_is_back(broker: Broker) -> None:
    subscriber = Subscriber(broker.port, "robot/move")
    connection = MqttConnection(split_mqtt(f"mqtt://127.0.0.1:{broker.port}/robot/move"))
    publish(connection, "first")
    assert subscriber.next()[1] == "first"
    broker.freeze()  # so that it dies with the message unconfirmed
    failed: list[str] = []
    trying = threading.Thread(target=lambda: failed.append(str(works(connection, "late"))))
    trying.start()
    wait_until(lambda: bool(connection._client._out_messages))
    broker.kill()
    trying.join(20)
    assert failed == ["False"]
    connection.post("robot/move", "while it is away")
    broker.start()
    wait_until(lambda: works(connection, "fresh"))
    wait_until(lambda: not subscriber.is_empty())
    assert subscriber.next()[1] == "fresh"
    connection.close()
    subscriber.close()
    assert subscriber.is_empty()


def test_bindings_do_nothing_later_that_they_reported_as_lost(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bindings, "COMMAND_SECONDS", 1.0)
    monkeypatch.setattr(mqtt_message, "LIMIT_SECONDS", 0.5)
    subscriber = Subscriber(broker.port, "robot/move")
    path = tmp_path / "b.toml"
    confirmed = tmp_path / "confirmed"
    path.write_text(
        f'[[binding]]\nmqtt = "mqtt://127.0.0.1:{broker.port}/robot/move"\n'
        f'[[binding]]\nword = "yes"\nrun = ["touch", "{confirmed}"]\n'
    )
    sink = bindings.Bindings(path)
    sink.send(spoken("yes"))
    assert subscriber.next()[1] == "yes"
    wait_until(confirmed.exists)  # or the broker would be frozen before it has confirmed it
    broker.freeze()
    sink.send(spoken("up"))
    sink.send(spoken("stop"))
    wait_until(lambda: sink.n_lost == 2)
    broker.thaw()
    wait_until(lambda: sent_again(sink, subscriber))
    assert subscriber.next()[1] == "go"
    sink.close()
    subscriber.close()
    assert "older than 1 s" in caplog.text


def sent_again(sink: bindings.Bindings, subscriber: Subscriber) -> bool:
    if subscriber.is_empty():
        sink.send(spoken("go"))
    return not subscriber.is_empty()


# Why there is no connection.


def reasons(url: str, caplog: pytest.LogCaptureFixture) -> str:
    sink = open_sink(url)
    wait_until(lambda: "no connection to" in caplog.text)
    sink.send(spoken("yes"))
    sink.close()
    told = [record.message for record in caplog.records if "no connection to" in record.message]
    assert len({line for line in told if line.endswith("trying again")}) == 1
    return told[0]


def test_a_broker_that_cannot_be_reached_is_told_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    cause = "no connection to mqtt://127.0.0.1:1: Connection refused; check the address, and that a broker runs there"
    assert reasons("mqtt://127.0.0.1:1/voice", caplog) == f"{cause}; trying again"
    assert caplog.records[-1].message == f"mqtt://127.0.0.1:1/voice: 1 not delivered by the end: {cause}"


def test_a_name_that_nothing_has_is_told(caplog: pytest.LogCaptureFixture) -> None:
    told = reasons("mqtt://no-such-host.invalid/voice", caplog)
    assert "no-such-host.invalid" in told
    assert "refused" not in told


def test_a_wrong_password_is_told_once_however_often_it_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_message, "PAUSES_SECONDS", (0.01,))
    (tmp_path / "passwords").write_text("")
    broker = Broker(tmp_path, f"password_file {tmp_path}/passwords")
    config = (tmp_path / "mosquitto.conf").read_text().replace("allow_anonymous true", "allow_anonymous false")
    (tmp_path / "mosquitto.conf").write_text(config)
    broker.start()
    sink = open_sink(f"mqtt://me:S3CRET@127.0.0.1:{broker.port}/voice")
    wait_until(lambda: (tmp_path / "log").read_text().count("not authorised") >= 5)
    sink.send(spoken("yes"))
    sink.close()
    broker.kill()
    place = f"mqtt://127.0.0.1:{broker.port}"
    cause = f"no connection to {place}: refused: Not authorized; check the user and the password, as in "
    cause += "mqtt://USER:${PASSWORD}@HOST/TOPIC"
    assert [record.message for record in caplog.records] == [
        f"{cause}; trying again",
        f"{place}/voice: 1 not delivered by the end: {cause}",
    ]
    assert "S3CRET" not in caplog.text
    assert sink.n_lost == 1  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused socket open
def test_a_certificate_that_nothing_vouches_for_is_told_and_one_that_was_given_is_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "k.pem", "-out", "c.pem"],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    broker = Broker(tmp_path, f"certfile {tmp_path}/c.pem", f"keyfile {tmp_path}/k.pem")
    config = (tmp_path / "mosquitto.conf").read_text().splitlines()
    (tmp_path / "mosquitto.conf").write_text(
        "\n".join(sorted(config, key=lambda line: not line.startswith("listener")))
    )
    broker.start()
    told = reasons(f"mqtts://127.0.0.1:{broker.port}/voice", caplog)
    assert "certificate verify failed: self-signed certificate" in told
    connection = MqttConnection(split_mqtt(f"mqtts://127.0.0.1:{broker.port}/robot/move?ca={tmp_path}/c.pem"))
    wait_until(lambda: works(connection, "fresh"))
    connection.close()
    broker.kill()
    with pytest.raises(ConfigError, match="cannot use the certificates of ca=/no/such/file: No such file"):
        open_sink("mqtts://127.0.0.1/voice?ca=/no/such/file")
    with pytest.raises(ConfigError, match="ca is for mqtts:// addresses"):
        open_sink("mqtt://127.0.0.1/voice?ca=x")


def test_passwords_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_WORD", "a:b@c/d #?%")
    (tmp_path / "user").write_text("me\nand more\n")
    address = split_mqtt(f"mqtt://${{{tmp_path / 'user'}}}:${{MQTT_WORD}}@host/topic")
    assert (address.user, address.password, address.host, address.topic) == ("me", "a:b@c/d #?%", "host", "topic")
    with pytest.raises(ConfigError, match=r"\$\{NOT_THERE\} is not set; set the environment variable"):
        split_mqtt("mqtt://me:${NOT_THERE}@host/topic")
    with pytest.raises(ConfigError, match=r"cannot read the secret \$\{/no/such\}: No such file"):
        split_mqtt("mqtt://me:${/no/such}@host/topic")
    with pytest.raises(ConfigError, match="'~nosuchuser/x': there is no such home folder"):
        split_mqtt("mqtt://me:${~nosuchuser/x}@host/topic")
