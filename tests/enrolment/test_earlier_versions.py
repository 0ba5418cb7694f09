"""Words that an earlier version taught."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws_live.cli import main
from kws_live.enrolment.takes import Take
from kws_live.enrolment.vocabulary import (
    teach_word,
)
from kws_live.errors import OutdatedWordsError
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.model.taught_words import TAKES_NAME, WORDS_NAME
from tests.enrolment.scoring import scores
from tests.enrolment.spoken_takes import takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


def as_an_earlier_version_wrote_it(model: Model) -> None:
    assert model.taught is not None
    buffer = io.BytesIO()
    np.savez(buffer, format=1, names=np.array(model.taught.names), weights=np.zeros((1, 64)), biases=np.zeros(1))
    (model.folder / WORDS_NAME).write_bytes(buffer.getvalue())
    (model.folder / TAKES_NAME).write_bytes(b"other features")
    write_card(model.folder, model.card)


def test_words_of_an_earlier_version_are_taught_again_from_the_sound_that_was_kept(
    base: Model, user_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(base.folder, user_models / "short")  # where it is found by its name
    takes = [Take.of(f"{i}", samples) for i, samples in enumerate(takes_of("left", "off", n=3))]
    model, _ = teach_word("left off", takes, base, user_models / "mine", keep_audio=True)
    write_card(model.folder, replace(model.card, thresholds={**model.card.thresholds, "left off": 0.7}))
    before = scores(load_model("mine"))
    as_an_earlier_version_wrote_it(load_model("mine"))
    with pytest.raises(
        OutdatedWordsError, match="were taught with an earlier version; if the audio of their takes was kept"
    ):
        load_model("mine")
    assert main(["words", "list", "--model", "mine"]) == 0
    assert "left off             3 takes" in capsys.readouterr().out
    again = load_model("mine")
    assert scores(again) == pytest.approx(before, abs=0.02)
    assert again.card.thresholds["left off"] == 0.7
    assert len(list(again.folder.glob("take_*.flac"))) == 3


def test_words_of_an_earlier_version_of_which_no_sound_was_kept_stay_and_are_named(
    model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    as_an_earlier_version_wrote_it(model)
    before = (model.folder / WORDS_NAME).read_bytes()
    assert main(["listen", "--model", "my-words", "--source", "demo:"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("kws-live: no audio was kept of 'left off', 'góra-dół' in ")
    assert told.endswith('delete the folder, then: kws-live teach "left off"')
    assert (model.folder / WORDS_NAME).read_bytes() == before
