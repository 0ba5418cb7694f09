"""Spoken commands from a live microphone, as events for your program.

>>> import kws_live
>>> with kws_live.listen() as spotter:            # doctest: +SKIP
...     @spotter.on("yes", "no")
...     def answer(detection):
...         print(detection.keyword, detection.score)
...     spotter.wait()
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kws_live.audio import SAMPLE_RATE_HZ
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
    from kws_live.listening import listen
    from kws_live.live.live_settings import LiveSettings
    from kws_live.model import load_model
    from kws_live.spotter import Spotter
    from kws_live.spotting.decision_settings import DecisionSettings

    __version__: str

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

if not TYPE_CHECKING:
    # Imported on first use: a command that exits immediately, or a test run that only has the plug-in installed,
    # should not have to wait for numpy and the rest.
    _HOMES = (
        "errors",
        "events",
        "audio",
        "spotting.decision_settings",
        "live.live_settings",
        "model",
        "detection",
        "spotter",
        "listening",
    )

    def __getattr__(name: str) -> Any:
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("kws-live")
        if name in __all__:
            modules = (import_module(f"{__name__}.{home}") for home in _HOMES)
            globals()[name] = value = next(vars(module)[name] for module in modules if name in vars(module))
            return value
        if name in _HOMES or name in ("sources", "sinks"):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
