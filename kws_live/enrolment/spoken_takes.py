"""Takes of a word without recordings, made with the speech synthesisers on this machine."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.enrolment.takes import Take, fault
from kws_live.errors import ConfigError, DatasetError
from kws_live.synthesis import draw_voices, installed_voices, speak

SHARES: Final[Mapping[str, int]] = {"espeak": 12, "flite": 8, "hibari": 6, "pico": 6, "festival": 4}
"""Takes by each synthesiser: synthesisers differ more than the voices of one do."""

SPEED: Final = (0.75, 1.25)
PITCH: Final = (0.75, 1.3)
ROOM_SECONDS: Final = 0.4
LEAST_SPOKEN: Final = 3
PROVED: Final = "teaching"
"""Key of a model's figures: share of people's recordings detected after teaching "from text" and from "5 takes", at
one false accept per hour, as scripts/prove_teaching measured it."""


def speak_takes(
    word: str,
    language: str = "en",
    on_progress: Callable[[int, int], None] = lambda *_: None,
    shares: Mapping[str, int] = SHARES,
) -> list[Take]:
    """Return takes of a word in varied voices, speeds and pitches; the same word gives the same takes.

    Parameters
    ----------
    word : in writing
    language : of the word, such as "en" or "pl"
    on_progress : called with takes tried and their number
    shares : synthesiser -> number of takes

    Raises
    ------
    DatasetError
        If no synthesiser speaks that language, or fewer than three can say the word.
    """
    if not installed_voices(language):
        if installed_voices():
            raise DatasetError(f"no installed synthesiser speaks {language!r}; espeak-ng --voices lists the languages")
        raise DatasetError(
            "no speech synthesiser is installed; "
            "pip install py-nanotts hibari-tts, apt-get install espeak-ng flite festival festvox-kdlpc16k"
        )
    rng = np.random.default_rng(list(hashlib.sha256(word.encode()).digest()[:8]))
    voices = draw_voices(shares, rng, language)
    takes: list[Take] = []
    counts: Counter[str] = Counter()
    for number, voice in enumerate(voices, 1):
        try:
            spoken = speak(word, voice, rng.uniform(*SPEED), rng.uniform(*PITCH))
        except ConfigError:
            continue  # skip a voice that cannot say the word
        take = Take.of(f"{voice} {counts[voice.engine] + 1}", _in_a_room(rng, spoken), spoken=True)
        if fault(take) is None:
            counts[voice.engine] += 1
            takes.append(take)
        on_progress(number, len(voices))
    if len(takes) < LEAST_SPOKEN:
        raise DatasetError(
            f"only {len(takes)} of {len(voices)} synthetic voices say {word!r} in at most 1.5 s; "
            "choose a shorter word, or spell it as it is pronounced"
        )
    return takes


def caution(figures: Mapping[str, Any]) -> str:
    """Return what to expect of synthetic takes, with the figures of the model's card if it has them."""
    proved = figures.get(PROVED, {})
    heard = [
        f"{100 * proved[key]:.0f} % after teaching from {what}"
        for key, what in (("from text", "text"), ("5 takes", "five recorded takes"))
        if key in proved  # synthetic takes are measured only where synthesisers are installed
    ]
    measured = (
        f": in tests with other words, people's recordings were recognised in {', '.join(heard)}" if heard else ""
    )
    return (
        f"synthetic voices are not people{measured}; record a few takes and teach again: --takes DIR --from-text\n"
        "if they mispronounce the word, yours is not recognised: check with espeak-ng WORD, and spell it as it sounds"
    )


def _in_a_room(rng: np.random.Generator, spoken: Samples) -> Samples:
    """Return the word with a moment of very faint noise around it; no real room has digital silence."""
    room = round(ROOM_SECONDS * SPEECH_RATE_HZ)
    take = (10 ** rng.uniform(-4.5, -3) * rng.standard_normal(spoken.size + 2 * room)).astype(np.float32)
    take[room : room + spoken.size] += spoken * np.float32(10 ** rng.uniform(-1.0, -0.2) / np.abs(spoken).max())
    return take
