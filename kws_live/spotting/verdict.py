"""What goes into the decision, hop by hop, and what comes out: small values that can be kept and decided again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kws_live.events import Event
from kws_live.spotting.decision_settings import DecisionSettings


class Reason(StrEnum):
    """What became of a word at a hop."""

    FIRED = "fired"
    GATE_CLOSED = "no one was speaking: the gate was closed"
    BELOW = "the score stayed below the threshold"
    MASKED = "the word is not listened to at present"
    HELD = "the word had been decided, and its score had not fallen since"
    SPENT = "another word had fired in the same utterance"
    RESTING = "the same word had just been spotted"
    SPACING = "another word had just been spotted"
    BEHIND = "another word scored higher"
    TALK_BEFORE = "speech came right before it: it did not stand alone"
    SPEECH_BEFORE = "the network heard speech right before it: it did not stand alone"
    BRIEF = "its score was gone at once: that of a word which stands alone lasts longer"
    TALK_AFTER = "speech went on after it: it did not stand alone"
    TOO_LONG = "the utterance was too long for a single word"
    OWN_PLAYBACK = "own_playback: this machine was playing the word itself"


@dataclass(frozen=True)
class Ruling:
    """What was decided of one word, and the numbers it was decided with.

    Attributes
    ----------
    reason : what became of it
    needed, had : the number that decided and what it was compared with, in the unit that the reason names; None where
        no number decided
    final : False while the word waits: the reason is then what it still lacks
    """

    reason: Reason
    needed: float | None = None
    had: float | None = None
    final: bool = True


@dataclass(frozen=True, eq=False)
class Heard:
    """What the networks make of a window.

    Attributes
    ----------
    posteriors : float32 (n_labels,), what is decided from
    opinions : where a second network counts, the posteriors of the first and of the second, shape (n_labels,) each
    """

    posteriors: NDArray[np.float32]
    opinions: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class Hop:
    """Everything the decision needs to know of one hop.

    Attributes
    ----------
    position : end of the window, samples at 22,050 Hz
    gate_open : whether it was worth scoring
    levels_db : level of each 20 ms of the hop, oldest first
    posteriors : float32 (n_labels,), or None where the gate was closed
    played : highest score of each word in what the machine itself played around this moment; empty: it is not known
    opinions : see `Heard`; for people, nothing is decided from them
    """

    position: int
    gate_open: bool
    levels_db: Sequence[float]
    posteriors: NDArray[np.float32] | None
    played: Mapping[str, float] = field(default_factory=dict)
    opinions: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What was decided at a hop, and why.

    Attributes
    ----------
    hop : what it was decided from
    scores : each keyword's smoothed score, shape (n_keywords,)
    keyword : the best word, by score over threshold
    rulings : what became of it, and of every other word over its threshold
    settings : what it was decided with
    eased : words whose thresholds in these settings are lower than usual, for a second chance
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
        """What became of the best word."""
        return self.rulings[self.keyword]
