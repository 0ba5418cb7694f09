"""What never arrived, told from arrival times alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import Block
from kws_live.stream.gap_finder import PATIENCE_SECONDS, GapFinder
from kws_live.system.clock import wall_seconds

RATE_HZ = 16_000
BLOCK = 640  # 40 ms
BLOCK_SECONDS = 0.04


def run(arrivals: list[tuple[float, bool]]) -> list[Block | float]:
    """Blocks numbered by their samples' value."""
    finder = GapFinder(RATE_HZ)
    given_back: list[Block | float] = []
    for number, (seconds, is_spliced) in enumerate(arrivals):
        given_back += finder.feed(np.full((BLOCK, 1), number, np.float32), seconds, is_spliced)
    return given_back + finder.flush()


def numbers(items: list[Block | float]) -> list[int]:
    return [int(item[0, 0]) for item in items if not isinstance(item, float)]


def gaps(items: list[Block | float]) -> list[tuple[int, float]]:
    """The number of the block after each gap, and its length."""
    return [(numbers(items[at:])[0], item) for at, item in enumerate(items) if isinstance(item, float)]


def steady(n_blocks: int, begin: float = 0.0) -> list[tuple[float, bool]]:
    return [(begin + k * BLOCK_SECONDS, False) for k in range(n_blocks)]


def test_blocks_in_time_are_given_back_at_once() -> None:
    finder = GapFinder(RATE_HZ)
    for number, (seconds, _) in enumerate(steady(50)):
        block = np.full((BLOCK, 1), number, np.float32)
        assert finder.feed(block, seconds) == [block]


@given(st.lists(st.floats(0.0, 0.2), min_size=20, max_size=200), st.floats(0, 1e6))
def test_jitter_is_no_gap(jitter: list[float], begin: float) -> None:
    items = run([(begin + k * BLOCK_SECONDS + late, False) for k, late in enumerate(jitter)])
    assert gaps(items) == []
    assert numbers(items) == list(range(len(jitter)))


def test_a_late_block_is_not_kept_for_the_next_one_for_ever() -> None:
    finder = GapFinder(RATE_HZ)
    for number, (seconds, _) in enumerate(steady(50)):
        finder.feed(np.full((BLOCK, 1), number, np.float32), seconds)
    late = 50 * BLOCK_SECONDS + 3.0
    assert finder.feed(np.full((BLOCK, 1), 50, np.float32), late) == []
    assert finder.give_up(late + PATIENCE_SECONDS - 0.01) == [], "what is missing may still come"
    ((number, seconds),) = gaps(finder.give_up(late + PATIENCE_SECONDS + 0.01))
    assert number == 50
    assert seconds == pytest.approx(3.0, abs=0.05)
    assert finder.give_up(late + 100) == []


@given(st.floats(0.3, 1.9))
def test_a_stall_whose_audio_comes_in_a_burst_is_no_gap(stall: float) -> None:
    n_missed = int(stall / BLOCK_SECONDS)
    resumed = 30 * BLOCK_SECONDS + stall
    burst = [(resumed + 0.0005 * k, False) for k in range(n_missed)]
    items = run([*steady(30), *burst, *steady(30, (30 + n_missed) * BLOCK_SECONDS)])
    assert gaps(items) == []
    assert numbers(items) == list(range(60 + n_missed))


def test_a_server_that_makes_up_for_its_delay_bit_by_bit_loses_nothing() -> None:
    late = [(3.0 + k * BLOCK_SECONDS / 1.5, False) for k in range(200)]  # 1.8 s late, at 1.5 times the speed
    items = run([*steady(30), *late])
    assert gaps(items) == []
    assert numbers(items) == list(range(230))


@given(st.floats(0.5, 7200.0))
def test_audio_that_never_arrives_is_a_gap_of_its_length_where_it_was(lost: float) -> None:
    items = run([*steady(30), *steady(30, 30 * BLOCK_SECONDS + lost)])
    ((after, seconds),) = gaps(items)
    assert after == 30
    assert seconds == pytest.approx(lost, abs=1e-6)
    assert numbers(items) == list(range(60))


def test_two_losses_are_two_gaps() -> None:
    items = run([*steady(30), *steady(30, 2.2), *steady(30, 4.4)])
    assert [(after, round(seconds, 1)) for after, seconds in gaps(items)] == [(30, 1.0), (60, 1.0)]


def test_a_splice_that_is_known_is_a_gap_however_short() -> None:
    arrivals = steady(60)
    arrivals[30] = (arrivals[30][0], True)
    items = run(arrivals)
    assert [after for after, _ in gaps(items)] == [30]
    assert numbers(items) == list(range(60))


@pytest.mark.twin("test_audio_that_never_arrives_is_a_gap_of_its_length_where_it_was")
@pytest.mark.parametrize("true_hz", [15_840, 16_000, 16_160])
def test_a_device_whose_clock_is_a_hundredth_off_has_no_gaps(true_hz: int) -> None:
    items = run([(k * BLOCK / true_hz, False) for k in range(60 * 25)])  # a minute
    assert gaps(items) == []


def test_after_a_gap_the_stream_is_in_time_again() -> None:
    finder = GapFinder(RATE_HZ)
    block = np.zeros((BLOCK, 1), np.float32)
    for seconds, _ in [*steady(30), *steady(30, 30 * BLOCK_SECONDS + 1.0)]:
        finder.feed(block, seconds)
    late = 60 * BLOCK_SECONDS + 1.0
    assert finder.feed(block, late) == [block]


def test_the_clock_goes_forward() -> None:
    first = wall_seconds()
    assert wall_seconds() >= first > 0
