"""A model on which a word is taught in a fifth of the time."""

import shutil
from dataclasses import replace
from pathlib import Path

from kws_live.audio import HOP_SECONDS
from kws_live.enrolment.bank import Bank
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.model.taught_words import BANK_NAME

BANK_SECONDS = 300.0


def with_short_bank(model: Model, folder: Path) -> Model:
    """A copy that has a part of its bank: deciding on half an hour of talk is most of what teaching a word takes."""
    shutil.copytree(model.folder, folder)
    bank = Bank.load(folder / BANK_NAME)
    n_hops = bank.starts[bank.starts <= BANK_SECONDS / HOP_SECONDS][-1]  # whole recordings
    short = replace(
        bank,
        stream=bank.stream[:n_hops],
        gate_open=bank.gate_open[:n_hops],
        levels_db=bank.levels_db[:n_hops],
        posteriors=bank.posteriors[:n_hops],
        starts=bank.starts[bank.starts < n_hops],
    )
    (folder / BANK_NAME).write_bytes(short.to_bytes())
    write_card(folder, replace(model.card, name=folder.name))
    return load_model(folder)
