"""One channel of a source that has several."""

from kws_live.audio import Block
from kws_live.errors import AudioError
from kws_live.sources import AudioSource, optional


class OneChannel:
    """Reads one channel of a source.

    Parameters
    ----------
    source : already open; closed with this one
    channel : counts from 1
    """

    def __init__(self, source: AudioSource, channel: int) -> None:
        self._source = source
        self._channel = channel
        self.name = f"{source.name}#{channel}"
        self.rate_hz = source.rate_hz
        self.live = source.live

    @property
    def n_overflows(self) -> int:
        return self._source.n_overflows

    @property
    def watched(self) -> bool:
        """As the source's."""
        return optional.is_watched(self._source)

    @property
    def pauses(self) -> bool:
        """As the source's."""
        return optional.may_pause(self._source)

    @property
    def n_namesakes(self) -> int:
        """As the source's."""
        return optional.n_namesakes(self._source)

    def read(self, timeout_seconds: float) -> Block | None:
        block = self._source.read(timeout_seconds)
        if block is None or not block.shape[0]:
            return block if block is None else block[:, :1]
        if block.shape[1] < self._channel:
            raise AudioError(f"{self.name}: there are only {block.shape[1]} channels, counted from 1")
        return block[:, self._channel - 1 : self._channel]

    def close(self) -> None:
        self._source.close()
