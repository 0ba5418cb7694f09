"""Options shared by `listen`, `detect` and others: model, settings, thresholds, mode."""

import argparse
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Literal, cast

from kws_live.detection import make_settings
from kws_live.errors import ConfigError
from kws_live.live.live_settings import LiveSettings
from kws_live.model import DEFAULT_MODEL, Model
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.user_folder import own_settings


def threshold(text: str) -> tuple[str, float]:
    """Parse WORD=VALUE."""
    word, equals, value = text.rpartition("=")
    try:
        if not equals or not word:
            raise ValueError
        return word, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WORD=VALUE, such as yes=0.8") from None


def gate_mode(text: str) -> int | Literal["off"]:
    """Parse 0 to 3 or off."""
    if text == "off":
        return "off"
    if text in ("0", "1", "2", "3"):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not one of 0, 1, 2, 3, off")


def add_settings(parser: argparse.ArgumentParser, positional_model: bool = False, own: bool = False) -> None:
    """Add the options; ``own``: whether the user's default settings file is used if no other is given."""
    parser.set_defaults(own_settings=own)
    model_help = "a name from kws-live models, or a model folder (default: %(default)s)"
    if positional_model:
        parser.add_argument("model", nargs="?", default=DEFAULT_MODEL, metavar="MODEL", help=model_help)
    else:
        parser.add_argument("--model", "-m", default=DEFAULT_MODEL, help=model_help)
    default = " (default: see kws-live settings)" if own else ""
    parser.add_argument("--settings", metavar="FILE", help=f"TOML file with thresholds and other settings{default}")
    parser.add_argument(
        "--threshold", "-t", action="append", type=threshold, default=[], metavar="WORD=VALUE",
        help="minimum score for a word to fire, above 0 and at most 1; repeatable",
    )  # fmt: skip
    parser.add_argument("--only", action="append", metavar="WORD", help="listen for this word only; repeatable")
    parser.add_argument(
        "--mode", choices=("command", "spotting"),
        help="command: a word fires only if it stands alone; spotting: anywhere (default: command)",
    )  # fmt: skip
    parser.add_argument(
        "--gate", type=gate_mode, metavar="0..3|off",
        help="voice-activity gate, from 0 (lenient) to 3 (strict), or off",
    )  # fmt: skip


def settings_file(arguments: argparse.Namespace, model: Model) -> str | Path | None:
    """Return the file given by --settings, or else the user's default for this model, if it exists and applies."""
    if arguments.settings or not arguments.own_settings:
        return cast(str | None, arguments.settings)
    with suppress(ConfigError):  # a user without a home folder has no settings
        path = own_settings(model.card.name)
        return path if path.is_file() else None
    return None


def settings_from(arguments: argparse.Namespace, model: Model) -> LiveSettings:
    """Return live settings from the model, the file and the options, in this order; `reset` restores them."""
    live = make_settings(model)
    if path := settings_file(arguments, model):
        live.load(path)
    apply_options(arguments, live)
    now = live.snapshot()
    return LiveSettings(DecisionSettings(**{item.name: getattr(now, item.name) for item in fields(now)}))


def apply_options(arguments: argparse.Namespace, live: LiveSettings) -> None:
    """Apply the options to live settings, so that a settings file does not override them."""
    if arguments.threshold:
        live.pin(thresholds=dict(arguments.threshold))
    if arguments.only:
        live.pin(active=frozenset(arguments.only))
    if arguments.mode:
        live.pin(mode=arguments.mode)
    if arguments.gate is not None:
        live.pin(gate_mode=None if arguments.gate == "off" else arguments.gate)
