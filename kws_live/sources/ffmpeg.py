"""Sources read through ffmpeg: cameras, radio stations, films, m4a and webm files."""

import re
import shutil

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import SourceUnavailableError
from kws_live.sources.program import ProgramSource
from kws_live.system.address import shown


class Ffmpeg(ProgramSource):
    """Audio of a file or an address, decoded by the program ffmpeg, two channels at 22,050 Hz.

    Parameters
    ----------
    place : a file, or an address such as ``rtsp://camera/stream``
    paced : whether a file is played in real time; False: as fast as it is read

    Raises
    ------
    SourceUnavailableError
        If ffmpeg is not installed, or cannot read it.
    """

    def __init__(self, place: str, paced: bool = True) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise SourceUnavailableError(
                f"{shown(place)!r} needs ffmpeg; install it (Debian, Ubuntu: apt-get install ffmpeg)"
            )
        self._place = place
        live = "://" in place
        command = [program, "-nostdin", "-hide_banner", "-loglevel", "error"]
        if paced and (not live or ".m3u8" in place):  # otherwise its segments of several seconds arrive at once
            command.append("-re")
        if place.startswith("rtsp"):
            command += ["-rtsp_transport", "tcp"]
        command += ["-i", place, "-vn", "-sn", "-dn", "-ac", "2", "-ar", str(SAMPLE_RATE_HZ), "-f", "s16le", "pipe:1"]
        super().__init__(command, shown(place), live, f"ffmpeg cannot read {shown(place)!r}")

    def why(self) -> str:
        """Return the last line that ffmpeg wrote, without secrets."""
        said = super().why().replace(self._place, shown(self._place))
        return re.sub(r"\w+://[^\s'\"]+", lambda address: shown(address.group()), said)
