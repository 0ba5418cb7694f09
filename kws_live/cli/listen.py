"""Listen and print words as they are spoken. Ctrl-C stops.

  kws-live listen                            the default microphone
  kws-live listen --source mic:USB           a microphone by part of its name; kws-live devices lists them
  kws-live listen --source talk.wav          a file, in real time; --fast reads it at full speed
  arecord -t raw -f S16_LE -r 16000 | kws-live listen --source stdin:16000
  kws-live listen --sink jsonl:events.jsonl --threshold yes=0.8
  kws-live listen --ignore-playback          ignore words that this machine itself plays
  kws-live listen --bindings commands.toml   actions for words: programs, web requests, key presses

In command mode, the default, a word fires only if it stands alone, usually after the pause that follows it. With
--mode spotting it fires anywhere and immediately, even mid-sentence. More: kws-live guide modes
"""

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.cli.colour import detection_line
from kws_live.cli.ending import EXIT_CODES, Output
from kws_live.cli.settings_options import add_settings, apply_options, settings_file
from kws_live.cli.signals import signals
from kws_live.detection import make_settings
from kws_live.errors import ConfigError
from kws_live.events import AudioSkipped, Detection, Event, EventsDropped, Health, SourceLost, SourceReopened
from kws_live.listening import listen
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model, load_model
from kws_live.sinks import EventSink
from kws_live.sinks.json_lines import JsonLines
from kws_live.sources import open_source
from kws_live.spotter import Spotter

if TYPE_CHECKING:
    from kws_live.cli.views import View

PAGE_OPTIONS: Final[dict[str, Any]] = {
    **dict.fromkeys(("host", "port", "folder", "token", "token_file")),
    **dict.fromkeys(("no_token", "no_browser"), False),
}
"""Defaults of the options that only `kws-live tune` has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("exit codes", EXIT_CODES)
    parser.add_argument(
        "--source", "-s", default="mic:",
        help="mic:, mic:NAME, mic:NUMBER, mic:A,mic:B (the first present), a file, stdin:RATE or demo: (default: mic:)",
    )  # fmt: skip
    add_settings(parser, own=True)
    parser.add_argument(
        "--sink", action="append", default=[],
        help="send events to: jsonl:PATH, csv:PATH, sqlite:PATH, exec:PROGRAM, http://..., mqtt://..., ws://...; "
        "repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--ignore-playback", nargs="?", const="playback:", metavar="SOURCE",
        help="ignore words that this machine itself plays, as captured from its loudspeaker output or from SOURCE",
    )  # fmt: skip
    parser.add_argument(
        "--pause-when", choices=("recording",),
        help="recording: pause while another program records from the same microphone for 8 s or more, as in a call",
    )  # fmt: skip
    parser.add_argument(
        "--bindings", metavar="FILE", help="TOML file with an action for each word; reloaded when it changes"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --bindings: print the actions without running them"
    )
    parser.add_argument("--json", action="store_true", help="print only events, one JSON line each")
    parser.add_argument(
        "--live", action="store_true", help="show level, scores and thresholds in the terminal; keys adjust them"
    )
    parser.add_argument("--panel", action="store_true", help="open the page of kws-live tune as well")
    parser.add_argument("--fast", action="store_true", help="read a file at full speed")
    parser.add_argument(
        "--stats", action="store_true", help="print statistics at the end: audio, losses, gate, CPU, delay"
    )
    parser.set_defaults(**PAGE_OPTIONS)


def run(arguments: argparse.Namespace) -> int:
    from kws_live.cli.views import chosen_view

    if arguments.json and arguments.live:
        raise ConfigError("--json and --live both use the terminal; give only one of them")
    if arguments.dry_run and not arguments.bindings:
        raise ConfigError("--dry-run needs --bindings FILE, whose actions it prints")
    # What can be refused is refused before a microphone is opened.
    model = load_model(arguments.model)
    settings = make_settings(model)
    apply_options(arguments, settings)
    with chosen_view(arguments) as view:
        return _listen(arguments, view, opened(arguments, model, settings))


def opened(arguments: argparse.Namespace, model: Model, settings: LiveSettings) -> Spotter:
    """Open sinks and source; the given settings apply if there is no settings file."""
    sinks: list[str | EventSink] = [*arguments.sink]
    if arguments.bindings:
        from kws_live.sinks.bindings import Bindings

        told = arguments.dry_run or not (arguments.json or arguments.live)
        options = {"report": tell} if told else {}
        sinks.append(Bindings(arguments.bindings, model.card.keywords, arguments.dry_run, **options))
    file = settings_file(arguments, model)
    spotter = listen(
        open_source(arguments.source, paced=False) if arguments.fast else arguments.source,
        model=model,
        settings=file or settings,
        sinks=sinks,
        ignore_playback=arguments.ignore_playback,
        pause_when=arguments.pause_when,
    )
    if file:
        apply_options(arguments, spotter.settings)
    return spotter


def _listen(arguments: argparse.Namespace, view: "View", spotter: Spotter) -> int:
    """Listen, show and print until the source ends or a signal arrives; returns the exit code."""
    output = Output(JsonLines("-").send if arguments.json else show)
    if arguments.json or not arguments.live:
        spotter.on(event=Event)(output)
    try:
        with signals.noted():
            if not (arguments.json or arguments.live):
                print(greeting(spotter), flush=True)
            with spotter, view(spotter):
                output.wait(spotter)
        return 0 if spotter.statistics().delivered_all else 1
    finally:
        spotter.stop()  # it may not have been started
        if arguments.stats:
            for name, value in spotter.statistics().rows():
                print(f"{name:>12}  {value}", file=sys.stderr)


def tell(action: str) -> None:
    """Print the action of a word."""
    print(f"           {action}", file=sys.stderr, flush=True)


def greeting(spotter: Spotter) -> str:
    """Return the first line of output: source, model and number of words."""
    rate_hz = spotter.source.rate_hz
    rates = f"{rate_hz:,} Hz" if rate_hz == SAMPLE_RATE_HZ else f"{rate_hz:,} Hz -> {SAMPLE_RATE_HZ:,} Hz"
    words = spotter.settings.snapshot()
    n_words = len(words.thresholds if words.active is None else words.active)
    noun = "word" if n_words == 1 else "words"
    card = spotter.model.card
    return f'listening on "{spotter.source.name}" ({rates}), model {card.name}, {n_words} {noun}. Ctrl-C stops.'


def show(event: Event) -> None:
    """Print an event as readable text."""
    if isinstance(event, Detection):
        print(detection_line(event), flush=True)
    elif isinstance(event, AudioSkipped):
        print(f"{event.seconds:7.2f} s  {event.n_samples / SAMPLE_RATE_HZ:.2f} s of audio skipped", file=sys.stderr)
    elif isinstance(event, SourceLost):
        print(f"{event.seconds:7.2f} s  {event.reason}; trying to reconnect", file=sys.stderr)
    elif isinstance(event, SourceReopened):
        print(f"{event.seconds:7.2f} s  listening again after {event.lost_seconds:.1f} s", file=sys.stderr)
    elif isinstance(event, EventsDropped):
        print(
            f"{event.seconds:7.2f} s  {event.n_events} events dropped: a callback or sink is too slow", file=sys.stderr
        )
    elif isinstance(event, Health):
        what = f"{event.summary}: over" if event.over else f"{event.summary}; {event.advice}"
        print(f"{event.seconds:7.2f} s  {what}", file=sys.stderr)
