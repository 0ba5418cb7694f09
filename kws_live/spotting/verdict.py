"""Input and output of the decision per hop: small values that can be kept and replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kws_live.events import Event
from kws_live.spotting.decision_settings import DecisionSettings


class Reason(StrEnum):
    """The outcome for a word at a hop."""

    FIRED = "fired"
    GATE_CLOSED = "the gate was closed: there was no speech"
    BELOW = "the score stayed below the threshold"
    MASKED = "the word is switched off"
    HELD = "the word had already been decided, and its score had not fallen since"
    SPENT = "another word had fired in the same utterance"
    RESTING = "the same word had just fired"
    SPACING = "another word had just fired"
    BEHIND = "another word scored higher"
    TALK_BEFORE = "there was speech right before it: it did not stand alone"
    SPEECH_BEFORE = "the network scored speech right before it: it did not stand alone"
    BRIEF = "its score fell too soon for a word that stands alone"
    TALK_AFTER = "speech continued after it: it did not stand alone"
    TOO_LONG = "the utterance was too long for a single word"
    OWN_PLAYBACK = "own_playback: this machine was playing the word itself"


@dataclass(frozen=True)
class Ruling:
    """The decision on one word, and the numbers behind it.

    Attributes
    ----------
    reason : the outcome
    needed, had : the required and the actual value, in the unit implied by the reason; None if
        no number was compared
    final : False while the word waits; the reason then says what is still missing
    """

    reason: Reason
    needed: float | None = None
    had: float | None = None
    final: bool = True


@dataclass(frozen=True, eq=False)
class Heard:
    """The networks' output for a window.

    Attributes
    ----------
    posteriors : float32 (n_labels,), the input of the decision
    opinions : if a second network was used, the posteriors of the first and the second, shape (n_labels,) each
    """

    posteriors: NDArray[np.float32]
    opinions: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class Hop:
    """Everything that the decision needs from one hop.

    Attributes
    ----------
    position : end of the window, samples at 22,050 Hz
    gate_open : whether the gate was open, so that it was scored
    levels_db : level of each 20 ms of the hop, oldest first
    posteriors : float32 (n_labels,); None if the gate was closed
    played : highest score of each word in this machine's playback around this moment; empty: unknown
    opinions : see `Heard`; for display only
    """

    position: int
    gate_open: bool
    levels_db: Sequence[float]
    posteriors: NDArray[np.float32] | None
    played: Mapping[str, float] = field(default_factory=dict)
    opinions: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The decision at a hop, and its reasons.

    Attributes
    ----------
    hop : the input
    scores : each keyword's smoothed score, shape (n_keywords,)
    keyword : the best word, by score over threshold
    rulings : on it, and on every other word over its threshold
    settings : the settings in effect
    eased : words whose thresholds are lowered in these settings for a second chance
    events : detections and near misses
    """

    hop: Hop
    scores: NDArray[np.float32]
    keyword: str
    rulings: Mapping[str, Ruling]
    settings: DecisionSettings
    eased: frozenset[str] = frozenset()
    events: tuple[Event, ...] = ()

    @property
    def ruling(self) -> Ruling:
        """The ruling on the best word."""
        return self.rulings[self.keyword]
