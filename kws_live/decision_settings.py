"""What can be changed while audio flows: thresholds, pauses, mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kws_live.errors import ConfigError

Mode = Literal["command", "spotting"]


@dataclass(frozen=True)
class DecisionSettings:
    """What can be changed while audio flows; one snapshot is taken per hop.

    Attributes
    ----------
    thresholds : score at which each keyword counts, above 0, at most 1
    active : the keywords listened to; None: all
    mode : "command": a word counts when it stands alone, with a pause before and after;
        "spotting": anywhere, at once
    pause_before_seconds, pause_after_seconds : the pauses of command mode
    pause_after_talk_seconds : the pause before a word where there was talk in the three seconds before it
    longest_word_seconds : in command mode, longer utterances are talk
    smoothing_hops : the score is the mean posterior of this many hops
    release : a word must fall below this share of its threshold before it can fire again
    refractory_seconds : least time between two detections of one word
    near_miss : share of the threshold from which a score that does not fire is a near miss
    gate_mode : webrtcvad's 0 (lenient) to 3 (strict); None: every hop is scored
    """

    thresholds: Mapping[str, float]
    active: frozenset[str] | None = None
    mode: Mode = "command"
    pause_before_seconds: float = 0.4
    pause_after_seconds: float = 0.24
    pause_after_talk_seconds: float = 1.2
    longest_word_seconds: float = 1.1
    smoothing_hops: int = 3
    release: float = 0.5
    refractory_seconds: float = 0.6
    near_miss: float = 0.5
    gate_mode: int | None = 1

    def __post_init__(self) -> None:
        for word, value in self.thresholds.items():
            if not 0 < value <= 1:
                raise ConfigError(f"threshold {value} for {word!r} must be above 0 and at most 1")
        if self.active is not None:
            self.require_known(*self.active)
        if self.mode not in ("command", "spotting"):
            raise ConfigError(f'mode {self.mode!r} does not exist; use "command" or "spotting"')
        if self.gate_mode not in (None, 0, 1, 2, 3):
            raise ConfigError(f'gate_mode {self.gate_mode!r} does not exist; use 0, 1, 2, 3 or "off"')
        if not 1 <= self.smoothing_hops <= 50:
            raise ConfigError(f"smoothing_hops {self.smoothing_hops} must be 1 to 50")
        for name, low, high in (
            ("pause_before_seconds", 0.0, 2.0),
            ("pause_after_seconds", 0.0, 2.0),
            ("pause_after_talk_seconds", 0.0, 2.0),
            ("longest_word_seconds", 0.1, 3.0),
            ("release", 0.0, 1.0),
            ("refractory_seconds", 0.0, 60.0),
            ("near_miss", 0.0, 1.0),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} {getattr(self, name)} must be {low:g} to {high:g}")

    def require_known(self, *words: str) -> None:
        """Raise a ConfigError that names the known keywords if one of the words is none of them."""
        for word in words:
            if word not in self.thresholds:
                raise ConfigError(f"unknown word {word!r}; this model knows: {', '.join(self.thresholds)}")

    def listens_to(self, word: str) -> bool:
        """Whether the word may fire now."""
        return self.active is None or word in self.active
