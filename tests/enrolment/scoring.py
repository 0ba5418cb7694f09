"""Scores of a second of sound."""

import numpy as np

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ, Samples
from kws_live.model import Model
from tests.enrolment.spoken_takes import demo_word


def window() -> Samples:
    return np.resize(demo_word("yes"), SPEECH_RATE_HZ)


def scores(model: Model) -> dict[str, np.float32]:
    return dict(zip(model.card.labels, model.posteriors(model.stream_scorer(HOP_SECONDS), window()), strict=True))
