"""What is reported of a source that gives nothing, or has namesakes."""

import numpy as np
import pytest

from kws_live.live.source_health import SourceHealth
from kws_live.sources.array import ArraySource
from kws_live.stream.findings import Finding

RATE_HZ = 16_000


class Pausing(ArraySource):
    n_namesakes = 2

    def __init__(self, pauses: bool) -> None:
        super().__init__(np.zeros(10, np.float32), RATE_HZ)
        self.pauses = pauses


def health(told: list[tuple[str, bool]], is_live: bool = True) -> SourceHealth:
    def tell(finding: Finding, over: bool) -> None:
        told.append((finding.name, over))

    return SourceHealth(RATE_HZ, is_live, tell, silent_seconds=10.0, now=100.0)


@pytest.mark.parametrize(
    ("is_live", "pauses", "found"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_live_source_that_gives_nothing_is_silent_unless_it_may_pause(
    is_live: bool, pauses: bool, found: bool
) -> None:
    one = health([], is_live)
    assert one.silence(Pausing(pauses), 110.0) is None
    assert (one.silence(Pausing(pauses), 110.1) is not None) is found
    assert one.silence(Pausing(pauses), 119.0) is None  # the next ten seconds are not over


def test_silence_is_told_once_and_once_that_it_is_over() -> None:
    told: list[tuple[str, bool]] = []
    one, source = health(told), Pausing(False)
    for now in (111.0, 122.0):
        finding = one.silence(source, now)
        assert finding is not None
        one.tell_silence(finding)
    one.note_sound(source, 123.0)
    one.note_sound(source, 124.0)
    assert told == [("no_audio", False), ("no_audio", True)]


@pytest.mark.parametrize(
    ("source", "names"), [(Pausing(False), ["same_name"]), (ArraySource(np.zeros(9, np.float32), RATE_HZ), [])]
)
def test_devices_of_the_same_name_are_told(source: ArraySource, names: list[str]) -> None:
    told: list[tuple[str, bool]] = []
    health(told).tell_of_namesakes(source)
    assert [name for name, _ in told] == names
