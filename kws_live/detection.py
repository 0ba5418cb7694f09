"""``detect()``, which finds words in a recording, and the assembly of a pipeline, shared with ``listen()``."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, Samples
from kws_live.errors import AudioError
from kws_live.events import Detection, Event
from kws_live.live.capture import POLL_SECONDS
from kws_live.live.live_settings import LiveSettings
from kws_live.live.session import RING_SECONDS
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.model.scorer import StreamScorer
from kws_live.sources import AudioSource, open_source
from kws_live.sources.array import ArraySource
from kws_live.spotting.pipeline import Pipeline, SpeechGate, Step
from kws_live.spotting.speech_gate import OpenGate, WebrtcGate
from kws_live.stream.intake import Intake, pieces
from kws_live.stream.ring_buffer import RingBuffer


def make_gate(mode: int | None) -> SpeechGate:
    """Return the voice-activity gate for a mode; None: a gate that is always open."""
    return OpenGate() if mode is None else WebrtcGate(mode)


def make_settings(model: Model) -> LiveSettings:
    """Return live settings initialised with the defaults in the model's card."""
    return LiveSettings(model.card.decision_settings())


def make_pipeline(
    model: Model,
    settings: LiveSettings,
    position: int = 0,
    score: StreamScorer | None = None,
) -> Pipeline:
    """Return a pipeline for a model; ``score``: a stream scorer of the model that no other pipeline uses."""
    return Pipeline(
        score=score or model.stream_scorer(HOP_SECONDS),
        window_rate_hz=model.card.features.sample_rate_hz,
        labels=model.card.labels,
        keywords=model.card.keywords,
        make_gate=make_gate,
        settings=settings.snapshot,
        position=position,
        window_seconds=model.window_seconds,
    )


def successor(model: Model, settings: LiveSettings) -> Callable[[int], Pipeline]:
    """Return a function that starts a pipeline of another model at a position and adapts the settings to its words."""
    score, defaults = model.stream_scorer(HOP_SECONDS), make_settings(model).snapshot()

    def begin(position: int) -> Pipeline:
        settings.adopt(defaults)
        return make_pipeline(model, settings, position, score)

    return begin


def settings_for(
    model: Model, settings: LiveSettings | str | Path | None, thresholds: Mapping[str, float] | None
) -> LiveSettings:
    """Return live settings: the model's, those given, or those of a file, overridden by ``thresholds``."""
    live = settings if isinstance(settings, LiveSettings) else make_settings(model)
    if isinstance(settings, (str, Path)):
        live.load(settings)
    if thresholds:
        live.pin(thresholds=dict(thresholds))
    return live


def run(pipeline: Pipeline, source: AudioSource) -> Iterator[Step]:
    """Run a pipeline on a source in this thread, as fast as the source can be read; closes the source."""
    for step in _run(pipeline, source):
        yield step.of(source.name)


def _run(pipeline: Pipeline, source: AudioSource) -> Iterator[Step]:
    ring = RingBuffer(round(RING_SECONDS * SAMPLE_RATE_HZ))
    intake = Intake(ring, source.rate_hz)
    try:
        while (block := source.read(POLL_SECONDS)) is not None:
            for piece in pieces(block, source.rate_hz):
                intake.feed(piece)
                yield from pipeline.steps(ring)
        intake.finish()
        yield from pipeline.steps(ring)
    except AudioError:
        intake.finish()  # the audio before the error still counts
        yield from pipeline.steps(ring)
        raise
    finally:
        source.close()


def detect(
    audio: str | Path | Samples,
    *,
    rate_hz: int = SAMPLE_RATE_HZ,
    model: str | Path | Model = DEFAULT_MODEL,
    settings: LiveSettings | str | Path | None = None,
    thresholds: Mapping[str, float] | None = None,
    all_events: bool = False,
) -> Iterator[Event]:
    """Detect words in a recording, with the same decisions as live, faster than real time.

    Parameters
    ----------
    audio : a sound file, or a float array (n_samples,) or (n_samples, n_channels) in [-1, 1]
    rate_hz : of the array
    model : name or folder
    settings : live settings, or a TOML settings file
    thresholds : word -> threshold, overriding the settings
    all_events : yield all events, not only detections

    Raises
    ------
    KwsLiveError
        If the array, the model or the settings cannot be used. A file that cannot be used raises at the first event.
    """
    loaded = model if isinstance(model, Model) else load_model(model)
    pipeline = make_pipeline(loaded, settings_for(loaded, settings, thresholds))
    source = audio if isinstance(audio, (str, Path)) else ArraySource(audio, rate_hz)
    return _events(pipeline, source, all_events)


def _events(pipeline: Pipeline, source: AudioSource | str | Path, all_events: bool) -> Iterator[Event]:
    """Yield events; the file is opened on the first ``next``, so an unused iterator leaves nothing open."""
    opened = open_source(source, paced=False) if isinstance(source, (str, Path)) else source
    for step in run(pipeline, opened):
        for event in step.events:
            if all_events or isinstance(event, Detection):
                yield event
