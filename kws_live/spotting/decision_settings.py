"""What can be changed while audio flows: thresholds, pauses, mode."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Final, Literal, get_args

from kws_live.errors import ConfigError

Mode = Literal["command", "spotting"]

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "pause_before_seconds": (0.0, 2.0),
    "pause_after_seconds": (0.0, 2.0),
    "pause_after_talk_seconds": (0.0, 2.0),
    "talk_share": (0.0, 1.0),
    "longest_word_seconds": (0.1, 3.0),
    "evidence": (0.0, 100.0),
    "evidence_beside_sound": (0.0, 100.0),
    "hop_evidence": (0.1, 20.0),
    "silence_weight": (0.0, 20.0),
    "silence_before_seconds": (0.1, 3.0),
    "longest_wait_seconds": (0.0, 3.0),
    "release": (0.0, 1.0),
    "refractory_seconds": (0.0, 60.0),
    "spacing_seconds": (0.0, 60.0),
    "repeat_seconds": (0.0, 3.0),
    "near_miss": (0.0, 1.0),
    "second_chance_seconds": (0.0, 10.0),
    "second_chance": (0.1, 1.0),
    "closure_seconds": (0.0, 1.0),
    "least_sound_seconds": (0.0, 1.0),
    "least_snr_db": (0.0, 60.0),
    "below_peak_db": (0.0, 90.0),
}
"""Least and greatest value of each setting that is a number."""


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
    pause_after_talk_seconds, talk_share : the pause before a word where more than this share of the three seconds
        before it was as loud as speech: that is talk, as single words fill less
    longest_word_seconds : in command mode, longer utterances are talk
    evidence : what a word gathers in command mode before it counts, where the levels show it alone: the log odds of its
        posterior over those of its threshold, hop after hop while it is over (natural logarithm)
    evidence_beside_sound : the same, where they show other sound right beside it, as noise and sentences do
    hop_evidence : most that one hop adds
    silence_weight, silence_before_seconds : times the log odds of silence in the stillest window that ended so long
        before the word are taken away, where they are below even
    longest_wait_seconds : a pause that has not come by then will not come for this word
    smoothing_hops : the score is the mean posterior of this many hops
    release : a word must fall below this share of its threshold before it can fire again
    refractory_seconds : least time between two detections of one word
    spacing_seconds : least time between any two detections
    repeat_seconds : a word said again counts though its score never fell, once its first end is this old: then nearly
        all of the window is what came after it
    near_miss : share of the threshold from which a score that does not fire is a near miss
    second_chance_seconds, second_chance : for so long after a near miss the threshold of its word is multiplied by this
    closure_seconds : quiet up to this long lies within a word: the closures in "stop" and "right" last 0.1 s, with a
        soft end 0.2; a soft first syllable of a longer word stands off as far as 0.3
    least_sound_seconds : a shorter sound after a louder utterance is a knock
    least_snr_db : with the loudest moment less than this above the room, pauses cannot be told from speech
    below_peak_db : speech is not softer than its loudest moment by more than this, nor nearer to the room than to that
    gate_mode : webrtcvad's 0 (lenient) to 3 (strict); None, or "off": every hop is scored

    The pauses were chosen on streams and talk of training and validation speakers. The evidence, its limit per hop and
    the weight of silence were chosen on validation material alone: streams of single words in room noise and in
    everyday sound of 30, 10 and 0 dB, 4 h of talk by readers and actors, and 13 taught words in 1 h of talk.

    Raises
    ------
    ConfigError
        If a value is of another type or out of its range; it names the setting, the value and what would do.
    """

    thresholds: Mapping[str, float]
    active: frozenset[str] | None = None
    mode: Mode = "command"
    pause_before_seconds: float = 0.4
    pause_after_seconds: float = 0.24
    pause_after_talk_seconds: float = 1.2
    talk_share: float = 0.4
    longest_word_seconds: float = 1.1
    evidence: float = 2.0
    evidence_beside_sound: float = 7.0
    hop_evidence: float = 1.5
    silence_weight: float = 2.0
    silence_before_seconds: float = 1.0
    longest_wait_seconds: float = 1.3
    smoothing_hops: int = 3
    release: float = 0.5
    refractory_seconds: float = 0.6
    spacing_seconds: float = 0.3
    repeat_seconds: float = 0.9
    near_miss: float = 0.5
    second_chance_seconds: float = 0.0
    second_chance: float = 0.8
    closure_seconds: float = 0.3
    least_sound_seconds: float = 0.08
    least_snr_db: float = 12.0
    below_peak_db: float = 25.0
    gate_mode: int | None = 1

    def __post_init__(self) -> None:
        take = object.__setattr__  # the one place where values are checked, and made what the fields say
        take(self, "thresholds", _thresholds(self.thresholds))
        if self.active is not None:
            take(self, "active", _words(self.active))
            self.require_known(*self.active)
        if not isinstance(self.mode, str) or self.mode not in get_args(Mode):
            raise ConfigError(f'mode {_shown(self.mode)} does not exist; use "command" or "spotting"')
        if isinstance(self.gate_mode, str) and self.gate_mode == "off":
            take(self, "gate_mode", None)
        elif self.gate_mode is not None:
            take(
                self, "gate_mode", _whole("gate_mode", self.gate_mode, 0, 3, 'does not exist; use 0, 1, 2, 3 or "off"')
            )
        take(
            self,
            "smoothing_hops",
            _whole("smoothing_hops", self.smoothing_hops, 1, 50, "must be a whole number from 1 to 50"),
        )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            number = _number(value)
            if number is None or not low <= number <= high:
                raise ConfigError(f"{name} {_shown(value)} must be a number from {low:g} to {high:g}")
            take(self, name, number)

    def changed(self, values: Mapping[str, Any]) -> "DecisionSettings":
        """These settings with some fields changed; of thresholds, only those of the words that are named.

        Raises
        ------
        ConfigError
            If a field or a word is unknown, or a value impossible.
        """
        known = [item.name for item in fields(self)]
        if strange := [name for name in values if name not in known]:
            raise ConfigError(f"unknown setting {strange[0]!r}; known are: {', '.join(sorted(known))}")
        if "thresholds" in values:
            given = _thresholds(values["thresholds"])
            self.require_known(*given)
            values = {**values, "thresholds": {**self.thresholds, **given}}
        return replace(self, **values)

    def require_known(self, *words: str) -> None:
        """Raise a ConfigError that names the known keywords if one of the words is none of them."""
        for word in words:
            if not isinstance(word, str) or word not in self.thresholds:
                raise ConfigError(f"unknown word {_shown(word)}; this model knows: {', '.join(self.thresholds)}")

    def require_thresholds(self, keywords: Iterable[str]) -> None:
        """Raise a ConfigError that names the keywords without a threshold, if there are any."""
        if missing := [word for word in keywords if word not in self.thresholds]:
            raise ConfigError(
                f"no threshold for {', '.join(missing)}: every keyword of the model needs one; "
                "make_settings(model) gives all, active chooses among them"
            )

    def listens_to(self, word: str) -> bool:
        """Whether the word may fire now."""
        return self.active is None or word in self.active


def _number(value: object) -> float | None:
    """A finite real number as Python's own; None if it is none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _whole(name: str, value: object, low: int, high: int, would_do: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise ConfigError(f"{name} {_shown(value)} {would_do}")
    return int(value)


def _thresholds(values: object) -> dict[str, float]:
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"thresholds {_shown(values)} must be numbers by word; in TOML a table: [thresholds], then yes = 0.8"
        )
    checked = {}
    for word, value in values.items():
        number = _number(value)
        if not isinstance(word, str):
            raise ConfigError(f"thresholds must be numbers by word; {_shown(word)} is no word")
        if number is None or not 0 < number <= 1:
            raise ConfigError(f"threshold {_shown(value)} for {_shown(word)} must be a number above 0 and at most 1")
        checked[word] = number
    return checked


def _words(value: object) -> frozenset[str]:
    if not isinstance(value, str) and isinstance(value, (Sequence, Set)):
        words: list[object] = list(value)
        if all(isinstance(word, str) for word in words):
            return frozenset(map(str, words))
    raise ConfigError(f'active must be a list of words, such as ["yes", "no"], not {_shown(value)}')


def _shown(value: object) -> str:
    """A value in a message, however long it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list that holds itself
        return f"this {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
