"""Play a sound."""

from pathlib import Path
from typing import Final

import soundfile

from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event

LONGEST_SECONDS: Final = 60.0


class Sound:
    """Plays a sound file on the default speaker.

    Parameters
    ----------
    path : wav, flac, ogg or mp3, at most a minute; read once

    Raises
    ------
    ConfigError
        If it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        try:
            with soundfile.SoundFile(Path(path).expanduser()) as file:
                if file.frames > LONGEST_SECONDS * file.samplerate:
                    raise ConfigError(f"sound {self._path!r} is longer than {LONGEST_SECONDS:g} s")
                self._samples = file.read(dtype="float32", always_2d=True)
                self._rate_hz = file.samplerate
        except (soundfile.LibsndfileError, OSError, TypeError) as error:
            raise ConfigError(f"cannot read sound {self._path!r}: {error}") from error

    def describe(self, event: Event) -> str:
        return f"play {self._path}"

    def do(self, event: Event) -> None:
        from kws_live.sources.portaudio import load_sounddevice

        sounddevice = load_sounddevice()
        try:
            with sounddevice.OutputStream(self._rate_hz, channels=self._samples.shape[1], dtype="float32") as stream:
                stream.write(self._samples)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise ActionError(f"cannot play {self._path!r}: {error}") from error

    def close(self) -> None:
        """Nothing is held between sounds."""
