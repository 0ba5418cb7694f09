"""Drive a robot over MQTT: "go", then a direction within three seconds; "stop" works at any time.

python scripts/examples/robot.py mqtt://192.168.1.5/robot
The robot subscribes to robot/drive and receives {"move": "left"}. robot/state is "online" while this program is
connected, and "offline" when it ends or disappears, which a careful robot treats as a stop.
"""

import json
import sys

import kws_live
from kws_live.actions.mqtt_message import MqttConnection, split_mqtt

DIRECTIONS = ("up", "down", "left", "right")
PATIENCE_SECONDS = 3.0


def main(url: str) -> None:
    broker = split_mqtt(url)
    topic = broker.topic
    robot = MqttConnection(
        broker,
        last_will=(f"{topic}/state", "offline"),
        on_connect=lambda connection: connection.post(f"{topic}/state", "online", retain=True),
    )
    try:
        with kws_live.listen() as spotter:

            @spotter.on("stop")
            def stop(_: kws_live.Detection) -> None:
                robot.post(f"{topic}/drive", json.dumps({"move": "stop"}))

            while spotter.wait_for("go") is not None:
                direction = spotter.wait_for(*DIRECTIONS, "stop", timeout_seconds=PATIENCE_SECONDS)
                if direction is not None and direction.keyword != "stop":
                    robot.post(f"{topic}/drive", json.dumps({"move": direction.keyword}))
    finally:
        robot.close(goodbye=(f"{topic}/state", "offline"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: robot.py mqtt://HOST/TOPIC")
    main(sys.argv[1])
