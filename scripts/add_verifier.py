"""Give a model a second network, which is asked where the first hears a word: what counts there is the mean of both.

  kws-live train --recipe commands-12-verifier --features ... --out verifier
  scripts/add_verifier models/commands-12 verifier
  scripts/make_word_bank.py DATA --model models/commands-12

The last is for a model that words are taught to: it holds what both networks make of talk.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kws_live.errors import KwsLiveError, ModelError
from kws_live.model import FILTERS_NAME, load_model
from kws_live.model.card import LITERT_NAME, VERIFIER_NAME, ModelCard, write_card


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL", help="folder of the model; changed")
    parser.add_argument("verifier", type=Path, metavar="VERIFIER", help="folder that training wrote")
    parser.add_argument(
        "--bar",
        type=float,
        default=ModelCard.verifier_bar,
        metavar="B",
        help="ask where the first network gives a word so much, 0 to 1 (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    try:
        add_verifier(given.model, given.verifier, given.bar)
    except KwsLiveError as error:
        print(f"add_verifier: {error}", file=sys.stderr)
        return 1
    return 0


def add_verifier(folder: Path, verifier: Path, bar: float = ModelCard.verifier_bar) -> ModelCard:
    """Copy the network of ``verifier`` into a model folder and name it in its card; returns the card as written.

    Raises
    ------
    ModelError
        If one of them is no model folder, or the two do not hear the same words in the same features.
    """
    model, second = load_model(folder), load_model(verifier)
    own, its = model.card, second.card
    same_filters = own.files[FILTERS_NAME] == its.files[FILTERS_NAME]
    if (model.network_labels, own.features) != (second.network_labels, its.features) or not same_filters:
        raise ModelError(f"{its.name} and {own.name} differ in their labels or features; train it with those")
    card = replace(
        own,
        verifier_bar=bar,
        data=(*own.data, *(item for item in its.data if item not in own.data)),
        figures={**own.figures, "verifier": {"name": its.name, **its.figures}},
        files={**own.files, VERIFIER_NAME: ""},
    )
    shutil.copyfile(second.folder / LITERT_NAME, model.folder / VERIFIER_NAME)
    return write_card(model.folder, card)


if __name__ == "__main__":
    sys.exit(main())
