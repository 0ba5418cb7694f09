"""What goes into the decision, hop by hop, and what comes out: small values that can be kept and decided anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kws_live.events import Event
from kws_live.spotting.decision_settings import DecisionSettings


class Reason(StrEnum):
    """What became of the best word at a hop."""

    FIRED = "fired"
    GATE_CLOSED = "nobody was speaking: the gate was closed"
    BELOW = "the score stayed below the threshold"
    MASKED = "the word is not listened to at present"
    REFRACTORY = "the same word had just been spotted"
    WAITING = "waiting for the pause after the word"
    TALK_BEFORE = "speech came right before it: it did not stand alone"
    BRIEF = "its score was gone at once: a word that stands alone lasts half a second"
    TALK_AFTER = "speech went on after it: it did not stand alone"
    TOO_LONG = "the utterance was too long for a single word"


@dataclass(frozen=True)
class Hop:
    """Everything the decision needs to know of one hop.

    Attributes
    ----------
    position : end of the window, samples at 22,050 Hz
    gate_open : whether it was worth scoring
    levels_db : level of each 20 ms of the hop, oldest first
    posteriors : float32 (n_labels,), or None where the gate was closed
    """

    position: int
    gate_open: bool
    levels_db: Sequence[float]
    posteriors: NDArray[np.float32] | None


@dataclass(frozen=True)
class Verdict:
    """What was decided at a hop, and why.

    Attributes
    ----------
    hop : what it was decided from
    scores : each keyword's smoothed score, shape (n_keywords,)
    keyword : the best word, by score over threshold
    reason : what became of it
    settings : what it was decided with
    events : detections and near misses
    """

    hop: Hop
    scores: NDArray[np.float32]
    keyword: str
    reason: Reason
    settings: DecisionSettings
    events: tuple[Event, ...] = ()
