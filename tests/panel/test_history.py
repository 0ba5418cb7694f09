"""What is kept of the last ten minutes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ, float_to_pcm16
from kws_live.panel.history import WARM_UP_SECONDS, AudioMemory, History
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import tone_pipeline, tone_words
from tests.panel.panel_fakes import remembered_hops


def test_a_moment_belongs_to_the_hop_that_holds_it() -> None:
    _, history = remembered_hops()
    assert history.at(HOP_SAMPLES * 3) is history.verdicts[2]
    assert history.at(HOP_SAMPLES * 3 + 1) is history.verdicts[3]
    assert history.at(HOP_SAMPLES * 50 + 1) is None


def test_a_moment_in_a_gap_belongs_to_no_hop() -> None:
    hops, history = remembered_hops()
    gap_begin = hops.position
    hops.position += 10 * SAMPLE_RATE_HZ
    hops.feed(1)
    assert history.at(gap_begin + HOP_SAMPLES) is None
    assert history.at(hops.position) is history.verdicts[-1]


def test_what_is_older_than_the_time_kept_is_forgotten() -> None:
    history = History(seconds=5.0)
    ring = RingBuffer(SAMPLE_RATE_HZ * 60)
    ring.write(tone_words([("yes", 1.0), ("no", 22.0)], 25.0))
    for step in tone_pipeline().steps(ring):
        history.add(step)
    assert {event.keyword for event in history.events if hasattr(event, "keyword")} == {"no"}
    kept = history.position - history.verdicts[0].hop.position
    assert (
        (5.0 + WARM_UP_SECONDS) * SAMPLE_RATE_HZ - 2 * HOP_SAMPLES <= kept <= (5.0 + WARM_UP_SECONDS) * SAMPLE_RATE_HZ
    )


def test_since_gives_each_verdict_once() -> None:
    hops, history = remembered_hops()
    first = history.since(0)
    hops.feed(3)
    assert [one.hop.position for one in history.since(first[-1].hop.position)] == [
        HOP_SAMPLES * n for n in (51, 52, 53)
    ]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.integers(-200, 3000), st.integers(1, 900))
def test_sound_is_given_back_as_it_was_or_not_at_all(sizes: list[int], start: int, n_samples: int) -> None:
    sound = np.random.default_rng(1).uniform(-1, 1, sum(sizes)).astype(np.float32)
    ring, memory = RingBuffer(10_000), AudioMemory(seconds=1500 / SAMPLE_RATE_HZ)
    at = 0
    for size in sizes:
        ring.write(sound[at : at + size])
        at += size
        memory.follow(ring)
    read = memory.read(start, n_samples)
    if start + n_samples > sound.size:
        assert read is None
    elif read is not None:
        padded = np.pad(float_to_pcm16(sound), (200, 0))
        assert np.array_equal(read, padded[start + 200 : start + 200 + n_samples])
    else:
        assert start < sound.size - 1500  # only what is old may be gone


def test_no_sound_is_read_across_a_gap() -> None:
    ring, memory = RingBuffer(10_000), AudioMemory()
    ring.write(np.ones(100, np.float32))
    ring.skip(50)
    ring.write(np.ones(100, np.float32))
    memory.follow(ring)
    assert memory.read(60, 100) is None
    assert memory.read(0, 100) is not None
    assert memory.read(150, 100) is not None
