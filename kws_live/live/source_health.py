"""Is what a source gives fit to be listened to, and does it give anything?"""

from collections.abc import Callable

from kws_live.audio import Block
from kws_live.sources import AudioSource, optional
from kws_live.stream.findings import Finding
from kws_live.stream.signal_health import SignalHealth


class SourceHealth:
    """Reports what is wrong with a source's sound, and a live source that gives none.

    Parameters
    ----------
    rate_hz, is_live : the source's
    tell : called with a finding, and whether it is over
    silent_seconds : a live source that hands over nothing for so long is silent
    now : by the clock that blocks are timed by, in seconds
    """

    def __init__(
        self,
        rate_hz: int,
        is_live: bool,
        tell: Callable[[Finding, bool], object],
        silent_seconds: float,
        now: float,
    ) -> None:
        self._is_live = is_live
        self._tell = tell
        self._silent_seconds = silent_seconds
        self._signal = SignalHealth(rate_hz)
        self._silent_since = now
        self._is_silent = False

    def tell_of_namesakes(self, source: AudioSource) -> None:
        """Report other devices of the same name."""
        if n_others := optional.n_namesakes(source):  # only devices have them
            self._tell(Finding("same_name", f"{n_others + 1} devices are called {source.name!r}"), False)

    def feed(self, source: AudioSource, block: Block, arrived: float, n_overflows: int) -> None:
        """Take the next block of a source that is live, or has a recorder behind it."""
        if self._is_live or optional.is_watched(source):
            for change in self._signal.feed(block, arrived if self._is_live else None, n_overflows):
                self._tell(change.finding, change.over)

    def wait_from(self, now: float) -> None:
        """Count the silence from now on."""
        self._silent_since = now

    def silence(self, source: AudioSource, now: float) -> Finding | None:
        """Nothing came; a finding, each time that this has lasted for too long."""
        if not self._is_live or now - self._silent_since <= self._silent_seconds:
            return None
        if optional.may_pause(source):  # a satellite that sends only words, or is waited for
            return None
        self._silent_since = now
        return Finding("no_audio", f"{source.name} gave no audio for {self._silent_seconds:g} s")

    def tell_silence(self, finding: Finding) -> None:
        """Report that it is silent, once."""
        if not self._is_silent:
            self._is_silent = True
            self._tell(finding, False)

    def note_sound(self, source: AudioSource, now: float) -> None:
        """Audio came."""
        self._silent_since = now
        if self._is_silent:
            self._is_silent = False
            self._tell(Finding("no_audio", f"{source.name} gives audio again"), True)
