"""Play a sound file."""

import sys
from pathlib import Path
from typing import Final

import soundfile

from kws_live.actions.command import Command
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event
from kws_live.system.text_file import user_path

LONGEST_SECONDS: Final = 60.0

PLAYER: Final = """
import sys, sounddevice, soundfile
samples, rate_hz = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
with sounddevice.OutputStream(rate_hz, channels=samples.shape[1], dtype="float32") as stream:
    stream.write(samples)
"""
"""Runs in its own process: PortAudio in this one restarts when a microphone is lost, which would cut off the sound."""


class Sound:
    """Plays a sound file on the default speaker.

    Parameters
    ----------
    path : wav, flac, ogg or mp3, at most a minute

    Raises
    ------
    ConfigError
        If it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        target = user_path(path).absolute()
        try:
            seconds = soundfile.info(target).duration
        except (soundfile.LibsndfileError, OSError, TypeError) as error:
            raise ConfigError(f"cannot read sound {self._path!r}: {error}") from error
        if seconds > LONGEST_SECONDS:
            raise ConfigError(f"sound {self._path!r} is {seconds:.0f} s long; the limit is {LONGEST_SECONDS:g} s")
        self._player = Command([sys.executable, "-c", PLAYER, str(target)], LONGEST_SECONDS + 10.0)

    def describe(self, event: Event) -> str:
        return f"play {self._path}"

    def do(self, event: Event) -> None:
        try:
            self._player.do(event)
        except ActionError as error:
            raise ActionError(f"cannot play {self._path!r}; is there a speaker?") from error

    def close(self) -> None:
        self._player.close()
