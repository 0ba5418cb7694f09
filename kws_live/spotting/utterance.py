"""Beginning and end of the last utterance, from levels alone, relative to the noise of the room."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from kws_live.audio import WINDOW_SECONDS
from kws_live.spotting.decision_settings import DecisionSettings

FRAME_SECONDS: Final = 0.02
"""Interval between levels."""

N_LEVELS: Final = 200
"""Four seconds of levels: enough to include the room between words."""

RECENT_LEVELS: Final = round(WINDOW_SECONDS / FRAME_SECONDS)
"""The loudest moment of the utterance is within the model's window."""

BEFORE_FRAMES: Final = 150
"""Length of the stretch before an utterance that is checked for talk: three seconds."""


@dataclass(frozen=True)
class Utterance:
    """The last stretch of sound that is nearly as loud as the loudest moment of the last second.

    Attributes
    ----------
    quiet_before_seconds : pause before it (all the known time if there was no sound before)
    talk_before : share of the three seconds before it that was as loud as speech
    seconds : its length
    quiet_after_seconds : time since its end; 0 while it continues
    level_db : its mean level
    room_db : level of the room, the 10th percentile of the levels
    """

    quiet_before_seconds: float
    talk_before: float
    seconds: float
    quiet_after_seconds: float
    level_db: float
    room_db: float


def find_utterance(levels_db: Sequence[float], settings: DecisionSettings) -> Utterance | None:
    """Find the utterance in up to four seconds of 20 ms levels, the newest last; None if it is too noisy."""
    levels = np.asarray(levels_db, dtype=np.float32)
    bridge = round(settings.closure_seconds / FRAME_SECONDS)
    if levels.size < max(1, bridge):
        return None
    first_recent = max(0, levels.size - RECENT_LEVELS)
    peak_index = first_recent + int(np.argmax(levels[first_recent:]))
    peak = float(levels[peak_index])
    room = float(np.partition(levels, levels.size // 10)[levels.size // 10])
    if peak - room < settings.least_snr_db:
        return None
    above = levels > max((room + peak) / 2, peak - settings.below_peak_db)
    # A single loud frame is a click, or room noise.
    above[1:-1] &= above[:-2] | above[2:]
    above[peak_index] = True
    loud = np.flatnonzero(above)
    breaks = np.flatnonzero(np.diff(loud) > bridge)
    begins = loud[np.concatenate(([0], breaks + 1))]
    ends = loud[np.concatenate((breaks, [loud.size - 1]))]
    # The last one is used even if an earlier one is louder; a knock after a word is not an utterance.
    last = max(
        index
        for index, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True))
        if begin <= peak_index <= end or (end - begin + 1) * FRAME_SECONDS >= settings.least_sound_seconds
    )
    begin, end = int(begins[last]), int(ends[last])
    before = begin - int(ends[last - 1]) - 1 if last > 0 else N_LEVELS
    return Utterance(
        quiet_before_seconds=before * FRAME_SECONDS,
        talk_before=int(np.count_nonzero(above[max(0, begin - BEFORE_FRAMES) : begin])) / BEFORE_FRAMES,
        seconds=(end - begin + 1) * FRAME_SECONDS,
        quiet_after_seconds=(levels.size - 1 - end) * FRAME_SECONDS,
        level_db=10 * math.log10(float(np.mean(10 ** (levels[begin : end + 1].astype(np.float64) / 10)))),
        room_db=room,
    )
