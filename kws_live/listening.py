"""``listen()``: opens a source, a model and sinks, and returns a spotter."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from kws_live.detection import make_pipeline, make_settings, settings_for
from kws_live.errors import ConfigError
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.live.companion import Companion
from kws_live.live.live_settings import LiveSettings, SettingsFile
from kws_live.live.own_playback import OwnPlayback
from kws_live.live.stepping_back import SteppingBack
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.sinks import EventSink, open_sink
from kws_live.sources import AudioSource, open_source, reopen_source
from kws_live.sources.recorders import other_recorders
from kws_live.spotter import Spotter
from kws_live.spotting.pipeline import Pipeline, Played, Step, nothing_played


def listen(
    source: str | Path | AudioSource = "mic:",
    *,
    model: str | Path | Model = DEFAULT_MODEL,
    settings: str | Path | LiveSettings | None = None,
    thresholds: Mapping[str, float] | None = None,
    sinks: Iterable[str | Path | EventSink] = (),
    ignore_playback: str | Path | AudioSource | None = None,
    pause_when: str | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Spotter:
    """Open a source and a model for listening: ``with kws_live.listen() as spotter: ...``.

    Parameters
    ----------
    source : a string as in `kws_live.sources`, the path of a sound file, or any `AudioSource`
    model : name or folder
    settings : a TOML settings file, watched while listening; or live settings
    thresholds : word -> threshold, overriding the settings
    sinks : strings as in `kws_live.sinks`, or any `EventSink`
    ignore_playback : a source of what this machine plays, such as "playback:"; a word that is also found there within
        0.6 s does not fire
    pause_when : "recording": ignore words while another program records from the same microphone for 8 s or more
    on_step : called with every hop's verdict on the detector thread; must return quickly

    Raises
    ------
    KwsLiveError
        If any of these cannot be used; nothing is left open.
    """
    loaded = model if isinstance(model, Model) else load_model(model)
    path = settings if isinstance(settings, (str, Path)) else None
    live = settings_for(loaded, None if path is not None else settings, thresholds)
    beside: list[Companion] = [] if path is None else [SettingsFile(live, path)]  # read once: it may be a pipe
    with ExitStack() as cleanup:
        opened_sinks = []
        for sink in sinks:
            opened_sinks.append(open_sink(sink, loaded.card.keywords) if isinstance(sink, (str, Path)) else sink)
            cleanup.callback(opened_sinks[-1].close)
        opened, reopen = _opened(source, cleanup)
        played: Played = nothing_played
        if ignore_playback is not None:
            playback = OwnPlayback(*_opened(ignore_playback, cleanup), loaded, _begin)
            played = playback.scores_near
            beside.append(playback)
        if pause_when is not None:  # after the source is open: this program must be among those that record
            beside.append(_stepping_back(pause_when))
        pipeline = ChangingPipeline(make_pipeline(loaded, live), played)
        address = source if isinstance(source, (str, Path)) else None
        spotter = Spotter(loaded, live, opened, pipeline, opened_sinks, reopen, beside, address)
        if on_step is not None:
            spotter.watch(on_step)
        cleanup.pop_all()
        return spotter


def _opened(
    source: str | Path | AudioSource, cleanup: ExitStack
) -> tuple[AudioSource, Callable[[], AudioSource] | None]:
    """Return a source and a function that reopens it after a loss."""
    opened = open_source(source) if isinstance(source, (str, Path)) else source
    cleanup.callback(opened.close)
    return opened, (lambda: reopen_source(source, opened.name)) if isinstance(source, str) and opened.live else None


def _stepping_back(pause_when: str) -> SteppingBack:
    if pause_when != "recording":
        raise ConfigError(f'pause_when {pause_when!r} does not exist; use "recording"')
    other_recorders()  # raises where it is not known
    return SteppingBack(other_recorders)


def _begin(model: Model, position: int) -> Pipeline:
    """Return a pipeline for the playback; only its scores matter, so it uses the default settings."""
    return make_pipeline(model, make_settings(model), position)
