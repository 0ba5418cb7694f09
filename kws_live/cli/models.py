"""List the installed models and their words. A star marks the default."""

import argparse
import json
import sys

from kws_live.errors import ModelError
from kws_live.model import DEFAULT_MODEL, load_model
from kws_live.model.folders import shipped_models, user_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON list, with the measured figures")


def run(arguments: argparse.Namespace) -> int:
    cards, n_broken = [], 0
    for name in (*shipped_models(), *user_models()):
        try:
            cards.append(load_model(name).card)
        except ModelError as error:
            print(f"kws-live: {name} cannot be used: {error}", file=sys.stderr)
            n_broken += 1
    if arguments.json:
        print(json.dumps([json.loads(card.to_json()) for card in cards], ensure_ascii=False))
        return 1 if n_broken else 0
    for card in cards:
        star = "*" if card.name == DEFAULT_MODEL else " "
        print(f"{star} {card.name:<20} {card.description}\n    words: {' '.join(card.keywords)}")
    print("use one with: kws-live listen --model NAME   (or a folder)")
    return 1 if n_broken else 0
