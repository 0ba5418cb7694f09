"""Find words in sound files, with the same decisions as live listening, faster than real time.

  kws-live detect meeting.wav talk.flac
  kws-live detect --json *.ogg > words.jsonl

Files may have any rate, number of channels and format that libsndfile reads. A file that cannot be read is reported in
one line on standard error; the others are still read, and the exit code is 1.
"""

import argparse
import json
import sys

from kws_live.cli.colour import detection_line
from kws_live.cli.settings_options import add_settings, settings_from
from kws_live.detection import detect
from kws_live.errors import AudioError
from kws_live.events import Detection
from kws_live.model import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="sound files, or demo: for the bundled recording")
    add_settings(parser, own=True)
    parser.add_argument("--json", action="store_true", help="print only detections, one JSON line each")
    parser.add_argument(
        "--all", action="store_true", help="with --json: print all events, including near misses and the gate"
    )


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.model)
    settings = settings_from(arguments, model)
    n_failed = 0
    for file in arguments.files:
        if len(arguments.files) > 1 and not arguments.json:
            print(f"{file}:")
        try:
            for event in detect(file, model=model, settings=settings, all_events=arguments.all):
                if arguments.json:
                    print(json.dumps(event.to_dict(), ensure_ascii=False), flush=True)
                elif isinstance(event, Detection):
                    print(detection_line(event), flush=True)
        except AudioError as error:
            print(f"kws-live: {error}", file=sys.stderr)
            n_failed += 1
    return 1 if n_failed else 0
