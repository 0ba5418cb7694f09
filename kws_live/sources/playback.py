"""The sound that this machine plays, from the sound server's monitor of a loudspeaker."""

import shutil
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import SourceUnavailableError
from kws_live.sources.program import ProgramSource

LATENCY_MS: Final = 40
"""Requested from the server, so that what is played arrives before the microphone's signal."""


class Playback(ProgramSource):
    """The sound that PulseAudio or PipeWire plays, through the program parec.

    Parameters
    ----------
    sink : the loudspeaker as ``pactl list sinks`` names it; "": the default one

    Raises
    ------
    SourceUnavailableError
        If there is no such sound server, or its programs are not installed.
    """

    def __init__(self, sink: str = "") -> None:
        name = f"what {sink or 'this machine'} plays"
        program = shutil.which("parec")
        if program is None:
            raise SourceUnavailableError(
                f"{name} needs the program parec of PulseAudio or PipeWire (Debian, Ubuntu: apt-get install "
                "pulseaudio-utils); elsewhere name a source that carries it, such as mic:BlackHole or mic:Stereo Mix"
            )
        command = [
            program, f"--device={f'{sink}.monitor' if sink else '@DEFAULT_MONITOR@'}", "--raw", "--format=s16le",
            f"--rate={SAMPLE_RATE_HZ}", "--channels=2", f"--latency-msec={LATENCY_MS}", "--client-name=kws-live",
        ]  # fmt: skip
        super().__init__(command, name, live=True, opening=f"cannot hear {name}")
