"""``listen()``: from the names of a source, a model and sinks to a spotter."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from kws_live.detection import make_pipeline, settings_for
from kws_live.live.live_settings import LiveSettings, SettingsFile
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.sinks import EventSink, open_sink
from kws_live.sources import AudioSource, open_source, reopen_source
from kws_live.spotter import Spotter
from kws_live.spotting.pipeline import Step


def listen(
    source: str | Path | AudioSource = "mic:",
    *,
    model: str | Path | Model = DEFAULT_MODEL,
    settings: str | Path | LiveSettings | None = None,
    thresholds: Mapping[str, float] | None = None,
    sinks: Iterable[str | Path | EventSink] = (),
    on_step: Callable[[Step], None] | None = None,
) -> Spotter:
    """Open a source and a model, ready to listen: ``with kws_live.listen() as spotter: ...``.

    Parameters
    ----------
    source : a string as in `kws_live.sources`, the path of a sound file, or any `AudioSource`
    model : name or folder
    settings : a TOML settings file, watched while listening; or live settings
    thresholds : word -> threshold, over the settings
    sinks : strings as in `kws_live.sinks`, or any `EventSink`
    on_step : called on the detector thread with every hop's verdict; must be quick

    Raises
    ------
    KwsLiveError
        If one of them cannot be used; nothing is left open.
    """
    loaded = model if isinstance(model, Model) else load_model(model)
    path = settings if isinstance(settings, (str, Path)) else None
    live = settings_for(loaded, None if path is not None else settings, thresholds)
    watched = None if path is None else SettingsFile(live, path)  # reads it, once: it may be a pipe
    with ExitStack() as cleanup:
        opened_sinks = []
        for sink in sinks:
            opened_sinks.append(open_sink(sink, loaded.card.keywords) if isinstance(sink, (str, Path)) else sink)
            cleanup.callback(opened_sinks[-1].close)
        opened = open_source(source) if isinstance(source, (str, Path)) else source
        cleanup.callback(opened.close)
        pipeline = make_pipeline(loaded, live)
        reopen = (lambda: reopen_source(source, opened.name)) if isinstance(source, str) and opened.live else None
        address = source if isinstance(source, (str, Path)) else None
        spotter = Spotter(loaded, live, opened, pipeline, opened_sinks, reopen, watched, address)
        if on_step is not None:
            spotter.watch(on_step)
        cleanup.pop_all()
        return spotter
