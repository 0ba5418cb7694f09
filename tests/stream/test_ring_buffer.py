"""The ring buffer against a plain array."""

import threading

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ, Samples
from kws_live.stream.ring_buffer import RingBuffer

FAR = 2**31 - 50
"""A stream passes 2**31 samples after 27 hours."""

actions = st.lists(st.tuples(st.sampled_from(["write", "skip"]), st.integers(0, 40)), max_size=25)


class PlainArray:
    """Everything ever written, gaps as NaN."""

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.all = np.zeros(0, np.float32)

    def add(self, samples: Samples) -> None:
        self.all = np.concatenate((self.all, samples))

    @property
    def position(self) -> int:
        return self.begin + self.all.size

    def read(self, start: int, n_samples: int, capacity: int) -> Samples | None:
        n_kept = np.count_nonzero(~np.isnan(self.all[max(0, start - self.begin) :]))
        if start < self.begin or n_kept > capacity or start + n_samples > self.position:
            return None
        part = self.all[start - self.begin : start - self.begin + n_samples]
        return None if np.isnan(part).any() else part


def play(capacity: int, begin: int, script: list[tuple[str, int]]) -> tuple[RingBuffer, PlainArray]:
    ring, plain = RingBuffer(capacity, begin), PlainArray(begin)
    for what, n in script:
        if what == "write":
            samples = np.arange(plain.all.size, plain.all.size + n, dtype=np.float32)
            ring.write(samples)
            plain.add(samples)
        else:
            ring.skip(n)
            plain.add(np.full(n, np.nan, np.float32))
    return ring, plain


@given(st.integers(1, 50), st.sampled_from([0, FAR]), actions, st.integers(-60, 5), st.integers(1, 60))
def test_read_gives_what_a_plain_array_gives_or_says_gone(
    capacity: int, begin: int, script: list[tuple[str, int]], back: int, n_samples: int
) -> None:
    ring, plain = play(capacity, begin, script)
    assert ring.position == plain.position
    start = plain.position + back
    got, expected = ring.read(start, n_samples), plain.read(start, n_samples, capacity)
    if expected is None:
        assert got is None
    else:
        assert got is not None
        np.testing.assert_array_equal(got, expected)


@given(st.integers(1, 50), st.sampled_from([0, FAR]), actions, st.integers(1, 30))
@example(20, 0, [("write", 10), ("skip", 3), ("skip", 4), ("write", 10)], 6)
def test_a_reader_who_keeps_up_gets_every_sample_once_and_never_a_gap(
    capacity: int, begin: int, script: list[tuple[str, int]], n_samples: int
) -> None:
    ring, plain, at = RingBuffer(capacity, begin), PlainArray(begin), begin
    got: dict[int, float] = {}
    for what, n in script:
        for _ in range(n):  # one sample at a time: the reader is never overtaken
            if what == "write":
                ring.write(np.array([plain.all.size], np.float32))
                plain.add(np.array([plain.all.size], np.float32))
            else:
                ring.skip(1)
                plain.add(np.full(1, np.nan, np.float32))
            at, samples = ring.read_on(at, n_samples)
            got.update({at + i: float(value) for i, value in enumerate(samples)})
            at += samples.size
    while True:
        at, samples = ring.read_on(at, n_samples)
        got.update({at + i: float(value) for i, value in enumerate(samples)})
        at += samples.size
        if not samples.size:
            break
    expected = {begin + i: float(value) for i, value in enumerate(plain.all) if not np.isnan(value)}
    assert got == expected
    assert at == plain.position


@given(st.integers(4, 50), actions, st.integers(1, 30))
def test_a_reader_who_was_overtaken_goes_on_later_with_true_samples(
    capacity: int, script: list[tuple[str, int]], n_samples: int
) -> None:
    ring, plain = play(capacity, 0, script)
    start, samples = ring.read_on(0, n_samples)
    assert start >= 0
    assert samples.size <= n_samples
    np.testing.assert_array_equal(samples, plain.all[start : start + samples.size])
    assert not np.isnan(samples).any()
    assert np.count_nonzero(~np.isnan(plain.all[start:])) <= capacity


def test_what_is_read_is_a_copy() -> None:
    ring = RingBuffer(10)
    written = np.ones(6, np.float32)
    ring.write(written)
    got = ring.read(0, 6)
    written[:] = 5
    ring.write(np.zeros(10, np.float32))
    assert got is not None
    np.testing.assert_array_equal(got, np.ones(6))


def test_a_gap_of_no_or_negative_length_changes_nothing() -> None:
    ring = RingBuffer(10)
    ring.write(np.ones(4, np.float32))
    ring.skip(0)
    ring.skip(-3)
    assert ring.position == 4
    assert ring.read(0, 4) is not None


def test_wait_ends_when_the_samples_are_there_and_when_the_buffer_closes() -> None:
    ring = RingBuffer(10)
    assert not ring.wait(1, timeout_seconds=0.0)
    results: list[bool] = []
    waiters = [threading.Thread(target=lambda p=p: results.append(ring.wait(p, 30))) for p in (5, 1000)]
    for waiter in waiters:
        waiter.start()
    ring.write(np.ones(5, np.float32))
    waiters[0].join()
    ring.close()
    waiters[1].join()
    assert results == [True, True]
    assert ring.closed


def test_a_gap_takes_no_room_however_long_it_is() -> None:
    ring = RingBuffer(10)
    ring.write(np.arange(6, dtype=np.float32))
    ring.skip(10**9)
    ring.write(np.arange(4, dtype=np.float32))
    assert ring.n_unread == 10
    at, before = ring.read_on(0, 99)
    assert (at, before.tolist()) == (0, [0, 1, 2, 3, 4, 5])
    at, after = ring.read_on(6, 99)
    assert (at, after.tolist()) == (6 + 10**9, [0, 1, 2, 3])


@pytest.mark.parametrize("n_unread", range(12))
def test_a_reader_is_let_go_by_a_gap_however_little_is_unread(n_unread: int) -> None:
    ring = RingBuffer(10)
    ring.write(np.ones(n_unread, np.float32))
    assert not ring.wait(500, 0.0)
    ring.skip(1000)
    assert ring.wait(500, 0.0)


def test_a_gap_wakes_a_reader_that_waits() -> None:
    ring = RingBuffer(10)
    results: list[bool] = []
    reader = threading.Thread(target=lambda: results.append(ring.wait(500, 30)))
    reader.start()
    while ring._wanted is None:
        assert reader.is_alive()
    ring.skip(1000)
    reader.join(10)
    assert results == [True]


def test_who_looks_on_makes_no_room_and_the_reader_does() -> None:
    ring = RingBuffer(10)
    ring.write(np.ones(8, np.float32))
    ring.read_on(0, 8)
    assert ring.n_unread == 8
    assert not ring.wait_for_room(0.0)
    ring.consume(0, 8)
    assert ring.n_unread == 0
    assert ring.wait_for_room(0.0)


def test_a_writer_waits_for_room_until_the_reader_has_read_on() -> None:
    ring = RingBuffer(10)
    ring.write(np.ones(6, np.float32))
    assert not ring.wait_for_room(0.0)
    reader = threading.Timer(0.1, ring.consume, args=(0, 3))  # it comes while the writer waits
    reader.start()
    assert ring.wait_for_room(30)
    reader.join()
    assert ring.n_unread == 3


def test_a_closed_buffer_makes_no_writer_wait() -> None:
    ring = RingBuffer(10)
    ring.write(np.ones(10, np.float32))
    ring.close()
    assert ring.wait_for_room(30)


def test_it_tells_when_a_sample_was_heard_as_long_as_that_is_kept() -> None:
    second = np.ones(SAMPLE_RATE_HZ, np.float32)
    ring = RingBuffer(2 * SAMPLE_RATE_HZ)
    assert ring.heard_at(0) is None
    ring.write(second, heard_at=11.0)
    ring.skip(10 * SAMPLE_RATE_HZ)
    ring.write(second, heard_at=22.0)
    heard_at = {0.0: 10.0, 0.5: 10.5, 1.0: 11.0, 11.25: 21.25, 12.0: 22.0}
    for seconds, at in heard_at.items():
        assert ring.heard_at(round(seconds * SAMPLE_RATE_HZ)) == pytest.approx(at, abs=1e-3)
    assert ring.heard_at(99 * SAMPLE_RATE_HZ) == 22.0, "what has not come yet was not heard before the last that came"
    ring.write(second)
    assert ring.heard_at(ring.position) is None, "from here on time plays no part"


def test_a_writer_and_a_reader_on_two_threads_agree_on_every_sample() -> None:
    ring, n_total = RingBuffer(997), 200_000
    got: list[Samples] = []
    starts: list[int] = []

    def read() -> None:
        at = 0
        while at < n_total:
            ring.wait(at + 1, 30)
            start, samples = ring.read_on(at, 256)
            starts.append(start)
            got.append(samples)
            at = start + samples.size

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(0, n_total, 125):
        ring.write(np.arange(start, start + 125, dtype=np.float32))
    reader.join()
    for start, samples in zip(starts, got, strict=True):
        np.testing.assert_array_equal(samples, np.arange(start, start + samples.size))


def test_capacity_must_be_above_0() -> None:
    with pytest.raises(ValueError, match="capacity_samples 0"):
        RingBuffer(0)
