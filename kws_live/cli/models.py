"""List the models that are installed, with their words and figures."""

import argparse
import json

from kws_live.model import DEFAULT_MODEL, load_model, shipped_models, user_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def run(arguments: argparse.Namespace) -> int:
    cards = [load_model(name).card for name in (*shipped_models(), *user_models())]
    if arguments.json:
        print(json.dumps([json.loads(card.to_json()) for card in cards], ensure_ascii=False))
        return 0
    for card in cards:
        star = "*" if card.name == DEFAULT_MODEL else " "
        print(f"{star} {card.name:<20} {card.description}\n    words: {' '.join(card.keywords)}")
    print("use one with: kws-live listen --model NAME   (a folder works as well)")
    return 0
