"""List the microphones by number and name. A star marks the default."""

import argparse
import json

from kws_live.sources.portaudio import default_microphone, list_microphones


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(arguments: argparse.Namespace) -> int:
    default = default_microphone()
    devices = [
        {
            "index": device["index"],
            "name": device["name"],
            "rate_hz": round(device["default_samplerate"]),
            "channels": device["max_input_channels"],
            "default": device["index"] == default,
        }
        for device in list_microphones()
    ]
    if arguments.json:
        print(json.dumps(devices, ensure_ascii=False))
        return 0
    if not devices:
        print("no microphone found; try without one: kws-live listen --source demo:")
        return 0
    for device in devices:
        star = "*" if device["default"] else " "
        print(
            f"{star} {device['index']:>3}  {device['name']}  ({device['rate_hz']:,} Hz, {device['channels']} channels)"
        )
    print("listen to one with: kws-live listen --source mic:NUMBER   or   mic:NAME")
    return 0
