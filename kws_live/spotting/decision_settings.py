"""Settings that can be changed while listening: thresholds, pauses, mode."""

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
"""Range of each numeric setting."""


@dataclass(frozen=True)
class DecisionSettings:
    """Settings that can be changed while listening; a snapshot is taken per hop.

    Attributes
    ----------
    thresholds : minimum score of each keyword, above 0, at most 1
    active : the active keywords; None: all
    mode : "command": a word fires only if it stands alone, with a pause before and after;
        "spotting": anywhere, immediately
    pause_before_seconds, pause_after_seconds : the pauses of command mode
    pause_after_talk_seconds, talk_share : the pause required before a word if more than this share of the three seconds
        before it was as loud as speech: that is talk, since single words fill less
    longest_word_seconds : in command mode, longer utterances count as talk
    evidence : evidence that a word needs in command mode if the levels show that it stands alone: the log odds of its
        posterior minus those of its threshold, summed over hops above the threshold (natural logarithm)
    evidence_beside_sound : the same if the levels show other sound next to it, as in noise and in sentences
    hop_evidence : maximum per hop
    silence_weight, silence_before_seconds : the log odds of silence in the quietest window that ended within this time
        before the word's score rose, if negative, are multiplied by this weight and added; longer than a word, whose
        score rises near its end
    longest_wait_seconds : time limit for the decision on a word
    smoothing_hops : the score is the mean posterior of this many hops
    release : a word's score must fall below this share of its threshold before it can fire again (hysteresis)
    refractory_seconds : minimum time between two detections of the same word
    spacing_seconds : minimum time between any two detections
    repeat_seconds : a repeated word can fire although its score never fell, this long after the end of the first: then
        nearly all of the window comes after it
    near_miss : share of the threshold above which a score that does not fire is a near miss
    second_chance_seconds, second_chance : for this long after a near miss, the word's threshold is multiplied by this
    closure_seconds : quiet up to this long belongs to a word: the closures in "stop" and "right" last 0.1 s, with a
        soft end 0.2 s; a soft first syllable of a longer word can be 0.3 s apart
    least_sound_seconds : a shorter sound after a louder utterance counts as a knock
    least_snr_db : if the loudest moment is less than this above the room, pauses cannot be distinguished from speech
    below_peak_db : speech is at most this far below its loudest moment, and closer to that than to the room level
    gate_mode : webrtcvad mode from 0 (lenient) to 3 (strict); None, or "off": every hop is scored

    The pauses were chosen on streams and talk of training and validation speakers. The evidence, its limit per hop and
    the weight of silence were chosen on validation material only: streams of single words in room noise and in
    everyday sounds at 30, 10 and 0 dB, 4 h of talk by readers and actors, and 13 taught words in 1 h of talk.

    Raises
    ------
    ConfigError
        If a value has a wrong type or is out of range; the message gives the setting, the value and what is allowed.
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
    hop_evidence: float = 1.0
    silence_weight: float = 2.0
    silence_before_seconds: float = 2.0
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
        take = object.__setattr__  # the only place where values are checked and converted
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
        """Return these settings with some fields changed; of the thresholds, only those of the given words.

        Raises
        ------
        ConfigError
            If a field or a word is unknown, or a value invalid.
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
        """Raise a ConfigError that lists the keywords if one of the words is not among them."""
        for word in words:
            if not isinstance(word, str) or word not in self.thresholds:
                raise ConfigError(f"unknown word {_shown(word)}; this model has: {', '.join(self.thresholds)}")

    def require_thresholds(self, keywords: Iterable[str]) -> None:
        """Raise a ConfigError that lists the keywords without a threshold, if there are any."""
        if missing := [word for word in keywords if word not in self.thresholds]:
            raise ConfigError(
                f"no threshold for {', '.join(missing)}: every keyword of the model needs one; "
                "make_settings(model) provides all, active selects among them"
            )

    def listens_to(self, word: str) -> bool:
        """Whether the word is active."""
        return self.active is None or word in self.active


def _number(value: object) -> float | None:
    """Return a finite real number as a Python float; None for anything else."""
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
            raise ConfigError(f"thresholds must be numbers by word; {_shown(word)} is not a word")
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
    """Return a value for a message, truncated if long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer with thousands of digits, a recursive list
        return f"this {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
