"""Checks of a source's signal, and of a source that delivers nothing."""

from collections.abc import Callable

from kws_live.audio import Block
from kws_live.sources import AudioSource, optional
from kws_live.stream.findings import Finding
from kws_live.stream.signal_health import SignalHealth


class SourceHealth:
    """Reports problems of a source's signal, and a live source that delivers no audio.

    Parameters
    ----------
    rate_hz, is_live : of the source
    tell : called with a finding, and whether it is over
    silent_seconds : a live source that delivers nothing for this long is silent
    now : current time in seconds, on the clock of arrival times
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
        """Report other devices with the same name."""
        if n_others := optional.n_namesakes(source):  # only devices have them
            self._tell(Finding("same_name", f"{n_others + 1} devices are called {source.name!r}"), False)

    def feed(self, source: AudioSource, block: Block, arrived: float, n_overflows: int) -> None:
        """Process the next block of a source that is live or has a recorder behind it."""
        if self._is_live or optional.is_watched(source):
            for change in self._signal.feed(block, arrived if self._is_live else None, n_overflows):
                self._tell(change.finding, change.over)

    def wait_from(self, now: float) -> None:
        """Restart the count of silence."""
        self._silent_since = now

    def silence(self, source: AudioSource, now: float) -> Finding | None:
        """Handle missing audio; returns a finding each time it has lasted too long."""
        if not self._is_live or now - self._silent_since <= self._silent_seconds:
            return None
        if optional.may_pause(source):  # a satellite that sends only words, or has not connected yet
            return None
        self._silent_since = now
        return Finding("no_audio", f"{source.name} delivered no audio for {self._silent_seconds:g} s")

    def tell_silence(self, finding: Finding) -> None:
        """Report the silence, once."""
        if not self._is_silent:
            self._is_silent = True
            self._tell(finding, False)

    def note_sound(self, source: AudioSource, now: float) -> None:
        """Note the arrival of audio."""
        self._silent_since = now
        if self._is_silent:
            self._is_silent = False
            self._tell(Finding("no_audio", f"{source.name} delivers audio again"), True)
