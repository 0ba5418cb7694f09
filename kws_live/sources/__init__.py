"""Where audio comes from. One string opens any source::

mic:            the default microphone        mic:USB   by a part of its name        mic:3   by its number
mic:USB,mic:    the first of these that is present; the next if it is unplugged
talk.wav        a file in real time (file:talk.wav is the same); what libsndfile cannot read goes through ffmpeg
stdin:16000     raw little-endian PCM on standard input: stdin:RATE,CHANNELS,FORMAT, of which the last two default to
                1,s16; formats are s16, s24, s32, f32 and u8; a WAV header is understood
tcp://HOST:PORT?rate=16000&channels=1&format=s16    PCM from a satellite; with &listen satellites connect to this
                machine; with &pauses they may be silent between words, otherwise silence counts as a loss
udp://HOST:PORT?rate=16000&channels=1&format=s16    PCM in datagrams, sent to this address of this machine
rtsp:// rtsps:// rtmp:// srt:// http:// https://    cameras and radio stations: anything that ffmpeg plays
ffmpeg:talk.m4a any file that ffmpeg reads
playback:       what this machine plays (PulseAudio and PipeWire)       playback:SINK   on that loudspeaker
demo:           a bundled recording of the ten words

One channel of any of them, counted from 1: mic:USB#1, talk.wav#2, stdin:48000,2#1, tcp://HOST:PORT?channels=2#1.

More come from packages with an entry point in the group ``kws_live.sources``: its name is the scheme, its object takes
what follows the colon and whether a file is to be played in real time, and returns an `AudioSource`.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from kws_live.audio import Block
from kws_live.errors import KwsLiveError, SourceUnavailableError
from kws_live.sources.sound_folder import has_ffmpeg
from kws_live.system.address import shown
from kws_live.system.text_file import user_path

DEMO_NAME: Final = "demo recording"

LOWEST_RATE_HZ: Final = 4_000
HIGHEST_RATE_HZ: Final = 384_000
"""A rate outside this range is an error in a file's header; resampling would fill the memory or give nothing."""


class AudioSource(Protocol):
    """A source of audio, read block by block.

    Attributes
    ----------
    name : for people
    rate_hz : its own sample rate
    live : whether audio arrives in real time and must be read at once; False: it can be read at any pace
    n_overflows : how often audio was lost before it could be read

    For optional attributes see `kws_live.sources.optional`.
    """

    @property
    def name(self) -> str: ...
    @property
    def rate_hz(self) -> int: ...
    @property
    def live(self) -> bool: ...
    @property
    def n_overflows(self) -> int: ...

    def read(self, timeout_seconds: float) -> Block | None:
        """Return the next block, float32 (n_samples, n_channels): with 0 samples after a timeout, None at the end.

        Raises
        ------
        SourceLostError
            If the source is lost.
        AudioGapError
            If audio was lost before the next block; reading can continue.
        AudioError
            If its content cannot be read.
        """

    def close(self) -> None:
        """Release it; may be called twice."""


def require_rate(rate_hz: int, name: str) -> int:
    """Return the rate if it can be resampled; raise a SourceUnavailableError otherwise."""
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise SourceUnavailableError(
            f"{name} has a sample rate of {rate_hz} Hz; use {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}, such as 16000"
        )
    return rate_hz


def _microphone(rest: str, _paced: bool) -> AudioSource:
    from kws_live.sources.microphone import Microphone

    return Microphone(rest)


def _file(rest: str, paced: bool) -> AudioSource:
    from kws_live.sources.sound_file import NoSoundFileError, SoundFile

    try:
        return SoundFile(rest, paced=paced)
    except NoSoundFileError as error:
        path = user_path(rest, SourceUnavailableError)
        if path.is_file() and has_ffmpeg():
            with suppress(SourceUnavailableError):
                return _ffmpeg(str(path), paced)
        raise error


def _demo(_rest: str, paced: bool) -> AudioSource:
    from kws_live.sources.sound_file import SoundFile

    return SoundFile(Path(__file__).parent / "demo.flac", paced=paced, name=DEMO_NAME)


def _stdin(rest: str, _paced: bool) -> AudioSource:
    from kws_live.sources.pcm_stream import open_stdin

    return open_stdin(rest)


def _tcp(rest: str, _paced: bool) -> AudioSource:
    from kws_live.sources.network import TcpStream

    return TcpStream(f"tcp:{rest}")


def _udp(rest: str, _paced: bool) -> AudioSource:
    from kws_live.sources.network import UdpStream

    return UdpStream(f"udp:{rest}")


def _ffmpeg(rest: str, paced: bool) -> AudioSource:
    from kws_live.sources.ffmpeg import Ffmpeg

    return Ffmpeg(rest, paced)


def _playback(rest: str, _paced: bool) -> AudioSource:
    from kws_live.sources.playback import Playback

    return Playback(rest)


def _stream_of(scheme: str) -> Callable[[str, bool], AudioSource]:
    return lambda rest, paced: _ffmpeg(f"{scheme}:{rest}", paced)


SCHEMES: dict[str, Callable[[str, bool], AudioSource]] = {
    "mic": _microphone,
    "file": _file,
    "demo": _demo,
    "stdin": _stdin,
    "tcp": _tcp,
    "udp": _udp,
    "ffmpeg": _ffmpeg,
    "playback": _playback,
    **{scheme: _stream_of(scheme) for scheme in ("rtsp", "rtsps", "rtmp", "srt", "http", "https")},
}

GROUP: Final = "kws_live.sources"


_NEXT_MICROPHONE = re.compile(r",\s*(?=mic:)")


_CHANNEL = re.compile(r"(?P<source>.+)#(?P<channel>\d{1,2})")


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # the name is too long for a path
        return False


def open_source(source: str | Path, paced: bool = True) -> AudioSource:
    """Open a source by its string.

    Parameters
    ----------
    source : see the module's docstring; a `Path` is always a file
    paced : whether files are played in real time; False: as fast as they are read

    Raises
    ------
    SourceUnavailableError
        If it cannot be opened.
    """
    if isinstance(source, Path):
        source = f"file:{source}"
    if len(microphones := _NEXT_MICROPHONE.split(source)) > 1 and source.startswith("mic:"):
        return _first_of(microphones, paced)
    if match := _CHANNEL.fullmatch(source):
        return _open_channel(match["source"], int(match["channel"]), source, paced)
    return _open_whole(source, paced)


def _open_channel(source: str, channel: int, whole: str, paced: bool) -> AudioSource:
    """Open one channel of a source, unless ``whole`` is the name of a file, a device or another package's source."""
    from kws_live.sources.one_channel import OneChannel

    scheme, colon, rest = whole.partition(":")
    is_ours = not colon or len(scheme) == 1 or scheme in SCHEMES
    if not is_ours or _exists(whole) or (scheme == "file" and _exists(rest)):
        return _open_whole(whole, paced)
    if scheme == "mic" and not rest.startswith("#"):
        with suppress(SourceUnavailableError):
            return _open_whole(whole, paced)
    if not channel:
        raise SourceUnavailableError(f"{shown(whole)!r}: channels count from 1")
    if scheme == "mic":
        from kws_live.sources.microphone import Microphone

        return OneChannel(Microphone(source.removeprefix("mic:"), max(2, channel)), channel)
    return OneChannel(_open_whole(source, paced), channel)


def _open_whole(source: str, paced: bool) -> AudioSource:
    scheme, colon, rest = source.partition(":")
    if colon and scheme in SCHEMES:
        return SCHEMES[scheme](rest, paced)
    if source in SCHEMES and not _exists(source):
        raise SourceUnavailableError(f"no file {source!r}; did you mean '{source}:'?")
    # A single letter before the colon is a Windows drive.
    if not colon or len(scheme) == 1 or _exists(source):
        return _file(source, paced)
    added = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if scheme in added:
        return _open_added(source, lambda: added[scheme].load()(rest, paced))
    known = ", ".join(f"{name}:" for name in (*SCHEMES, *added))
    raise SourceUnavailableError(f"unknown source {shown(source)!r}; use a file or one of {known}")


def _open_added(source: str, open_it: Callable[[], AudioSource]) -> AudioSource:
    """Open the source of another package, which may raise or return anything."""
    try:
        opened = open_it()
    except KwsLiveError:
        raise
    except Exception as error:
        raise SourceUnavailableError(f"cannot open {shown(source)!r}: {type(error).__name__}: {error}") from error
    missing = [
        name for name in ("name", "rate_hz", "live", "n_overflows", "read", "close") if not hasattr(opened, name)
    ]
    if missing:
        raise SourceUnavailableError(
            f"{shown(source)!r} does not open an audio source: what its package returns has no {', '.join(missing)}"
        )
    return opened


def _first_of(sources: list[str], paced: bool) -> AudioSource:
    if numbers := [source for source in sources if source.removeprefix("mic:").isdigit()]:
        raise SourceUnavailableError(
            f"{numbers[0]}: give several microphones by name; numbers change when a device goes (kws-live devices)"
        )
    reasons = []
    for source in sources:
        try:
            return open_source(source, paced)
        except SourceUnavailableError as error:
            reasons.append(str(error))
    raise SourceUnavailableError("; ".join(dict.fromkeys(reasons)))


def reopen_source(source: str, name: str) -> AudioSource:
    """Reopen a lost source.

    Parameters
    ----------
    source : the string it was opened by
    name : the name it had; a microphone chosen by number is reopened by name, because numbers change when a device
        goes, and so is the default one, unless another is the default by now

    Raises
    ------
    SourceUnavailableError
        If it is not available.
    """
    wanted = source.removeprefix("mic:")
    if source == "mic:" or (source.startswith("mic:") and wanted.partition("#")[0].isdigit()):
        try:
            return open_source(f"mic:{name}")
        except SourceUnavailableError:
            if wanted:
                raise
    return open_source(source)
