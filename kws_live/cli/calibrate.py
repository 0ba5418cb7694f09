"""Adapt the thresholds to your room: as few misses as possible within a budget of false accepts.

  kws-live calibrate --room room.wav --words takes/ --budget 0.5/h --out profile.toml
  kws-live calibrate --source mic:USB --budget 2/day             guided, with a count-down
  kws-live listen --source mic:USB --settings usb.toml

room.wav is a recording of your room without commands: fans, music, conversation. A longer one gives a better estimate.
takes/ has one folder per word, with a few recordings of it (takes/yes/1.wav ...). The profile is named after the
microphone unless --out says otherwise.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from kws_live.cli.output_files import require_place
from kws_live.cli.progress import steps
from kws_live.cli.settings_options import add_settings, settings_from
from kws_live.cli.tables import print_tables
from kws_live.errors import ConfigError
from kws_live.evaluation.calibration import Plan, false_rates, parse_budget, plan
from kws_live.evaluation.report import Table
from kws_live.evaluation.room_recording import RoomRecording, guide, read_words, run_room
from kws_live.model import load_model
from kws_live.sources import open_source
from kws_live.sources.recordings import read_own_rate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--room", type=Path, metavar="FILE", help="a recording of the room without commands")
    where.add_argument("--source", "-s", help="record now, from mic: or mic:NAME, with instructions")
    parser.add_argument("--words", type=Path, metavar="DIR", help="with --room: one folder of takes per word")
    parser.add_argument(
        "--budget", required=True, help="false accepts allowed for all words together, such as 0.5/h or 2/day"
    )
    parser.add_argument(
        "--out", type=Path, metavar="TOML", help="the profile to write (default: named after the microphone)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="with --source: seconds of the room to record (default: %(default)g)",
    )
    parser.add_argument(
        "--takes", type=int, default=3, help="with --source: takes of each word to record (default: %(default)s)"
    )
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print only a JSON object")


def run(arguments: argparse.Namespace) -> int:
    budget = parse_budget(arguments.budget)
    if arguments.words is not None and arguments.source is not None:
        raise ConfigError("--words belongs to --room; with --source the words are recorded now")
    if not 10 <= arguments.seconds <= 36_000 or not 0 <= arguments.takes <= 100:
        raise ConfigError("--seconds must be 10 to 36000, --takes 0 to 100")
    out = arguments.out or Path("microphone.toml")  # with --source the file name is not known yet
    require_place(next(path for path in (out, *out.parents) if path.parent.is_dir()))  # missing folders are created
    model = load_model(arguments.model)
    live = settings_from(arguments, model)
    settings = live.snapshot()
    words = [word for word in model.card.keywords if settings.listens_to(word)]
    if arguments.room is not None:
        samples, rate_hz = read_own_rate(arguments.room)
        takes = {} if arguments.words is None else read_words(arguments.words, words, rate_hz)
        recording, name = RoomRecording(samples, takes, rate_hz), arguments.room.stem
    else:
        source = open_source(arguments.source)
        try:
            recording = guide(
                source, words, arguments.seconds, arguments.takes, lambda text: print(text, file=sys.stderr)
            )
        finally:
            source.close()
        name = source.name
    with steps("model on the room", recording.seconds) as advance:
        room, said = run_room(model, settings, recording, advance)
    with steps("thresholds", None):
        rates = false_rates(room.run, settings)
        plans = [plan(room.run, rates, settings, budget * factor, said) for factor in (0.5, 1.0, 2.0)]
    out = arguments.out or Path(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".toml")
    live.set_thresholds(plans[1].thresholds)
    live.save(out)
    if arguments.json:
        half, chosen, double = (one.to_dict() for one in plans)
        print(json.dumps({"profile": str(out), "chosen": chosen, "half": half, "double": double}, ensure_ascii=False))
        return 0
    print_tables(_tables(plans, settings.thresholds))
    print(f"{plans[1].claim()}.")
    print(f"written: {out}; use it with: kws-live listen --settings {out}")
    return 0


def _tables(plans: list[Plan], before: Mapping[str, float]) -> list[Table]:
    chosen = plans[1]
    rows = tuple(
        (word, f"{before[word]:.2f}", f"{threshold:.2f}", str(chosen.missed.get(word, "no takes")))
        for word, threshold in chosen.thresholds.items()
    )
    budgets = tuple(
        (name, f"{one.budget_per_hour:.3g}/h", f"{one.expected_per_hour:.2g}/h", str(one.all_missed))
        for name, one in zip(("half", "this", "double"), plans, strict=True)
    )
    return [
        Table("Thresholds", ("word", "model's", "now", "missed [95 %]"), rows),
        Table("What a budget costs", ("budget", "at most", "expected", "missed [95 %]"), budgets),
    ]
