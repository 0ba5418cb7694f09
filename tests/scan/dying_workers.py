"""What workers do in tests: they spot tones, and some die of it. A module, so that other processes can import it."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from kws_live.model import Model
from kws_live.scan.excerpt import Excerpt, Found, spot
from kws_live.spotting.decision_settings import DecisionSettings
from tests.evaluation.tone_model import ToneModel


def run_here(model: Model, settings: DecisionSettings, excerpts: Sequence[Excerpt]) -> Iterator[Found]:
    """Without workers: one after the other in this process."""
    return (spot(model, settings, excerpt) for excerpt in excerpts)


def spot_tones(folder: str, settings: DecisionSettings, excerpt: Excerpt) -> Found:
    """The work, done by a model that other processes can build."""
    return spot(ToneModel(), settings, excerpt)


def die_once(folder: str, settings: DecisionSettings, excerpt: Excerpt) -> Found:
    """The worker is killed in the middle of its second excerpt; its successors live."""
    mark = Path(excerpt.path).parent / "died"
    if excerpt.begin_seconds == 8 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return spot_tones(folder, settings, excerpt)


def die_always(folder: str, settings: DecisionSettings, excerpt: Excerpt) -> Found:
    """One file kills every worker that reads it."""
    if excerpt.path.endswith("b.flac"):
        os.kill(os.getpid(), 9)
    return spot_tones(folder, settings, excerpt)


def hang_on_a_wav(folder: str, settings: DecisionSettings, excerpt: Excerpt) -> Found:
    """One file is never done."""
    if excerpt.path.endswith("a.wav"):
        threading.Event().wait()
    return spot_tones(folder, settings, excerpt)
