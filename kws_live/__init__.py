"""Spoken commands from a live microphone, as events for your program.

>>> import kws_live
>>> with kws_live.listen() as spotter:            # doctest: +SKIP
...     @spotter.on("yes", "no")
...     def answer(detection):
...         print(detection.keyword, detection.score)
...     spotter.wait()
"""

from importlib import metadata

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.decision_settings import DecisionSettings
from kws_live.detection import detect
from kws_live.errors import (
    ActionError,
    AudioError,
    AudioGapError,
    ConfigError,
    DatasetError,
    KwsLiveError,
    ModelError,
    SessionError,
    SourceLostError,
    SourceUnavailableError,
)
from kws_live.events import (
    AudioSkipped,
    Detection,
    Event,
    EventsDropped,
    Health,
    NearMiss,
    SourceLost,
    SourceReopened,
    SpeechEnded,
    SpeechStarted,
)
from kws_live.live_settings import LiveSettings
from kws_live.model import load_model
from kws_live.spotter import Spotter, listen

__version__ = metadata.version("kws-live")

__all__ = [
    "SAMPLE_RATE_HZ",
    "ActionError",
    "AudioError",
    "AudioGapError",
    "AudioSkipped",
    "ConfigError",
    "DatasetError",
    "DecisionSettings",
    "Detection",
    "Event",
    "EventsDropped",
    "Health",
    "KwsLiveError",
    "LiveSettings",
    "ModelError",
    "NearMiss",
    "SessionError",
    "SourceLost",
    "SourceLostError",
    "SourceReopened",
    "SourceUnavailableError",
    "SpeechEnded",
    "SpeechStarted",
    "Spotter",
    "detect",
    "listen",
    "load_model",
]
