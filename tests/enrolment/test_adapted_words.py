"""A word of the network, fitted to a voice."""

from pathlib import Path

import numpy as np
import pytest

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import words_of
from kws_live.enrolment.vocabulary import (
    forget_word,
    rename_word,
    teach_word,
)
from kws_live.errors import ConfigError, DatasetError
from kws_live.model import Model
from tests.enrolment.scoring import scores
from tests.enrolment.spoken_takes import takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


def test_an_adapted_word_is_no_label_of_its_own_and_keeps_its_threshold(adapted: Model, model: Model) -> None:
    assert adapted.card.labels == model.card.labels
    assert adapted.card.thresholds == model.card.thresholds
    assert adapted.taught is not None
    assert adapted.taught.adapted == {"stop"}
    assert [(word.name, word.adapted) for word in words_of(adapted)][-1] == ("stop", True)


def test_an_adapted_word_changes_no_other_score_and_forgotten_it_is_what_it_was(adapted: Model, model: Model) -> None:
    sound = np.resize(takes_of("stop", n=2, backwards=True)[0], SPEECH_RATE_HZ)
    before, after = (
        dict(zip(m.card.labels, m.posteriors(m.stream_scorer(HOP_SECONDS), sound), strict=True))
        for m in (model, adapted)
    )
    assert after["stop"] > before["stop"]
    assert {**after, "stop": 0} == {**before, "stop": 0}
    assert scores(forget_word(adapted, "stop")) == scores(model)


def test_an_adapted_word_keeps_its_name(adapted: Model) -> None:
    with pytest.raises(ConfigError, match="'stop' is a word of the network, adapted to your voice"):
        rename_word(adapted, "stop", "halt")


def test_an_adapted_word_that_is_heard_no_better_changes_nothing(base: Model, user_models: Path) -> None:
    takes = [Take.of(f"{i}", samples) for i, samples in enumerate(takes_of("left", n=3))]
    with pytest.raises(
        DatasetError, match=r"3 of 3 takes of 'left' are recognised before adapting it, .*nothing has changed"
    ):
        teach_word("left", takes, base, user_models / "mine")
    assert not user_models.exists()
