"""Another pipeline takes over between two hops, and nothing is lost or counted twice."""

import threading

import pytest

from kws_live.errors import SessionError
from kws_live.events import Detection
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.spotting.pipeline import Pipeline
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import tone_pipeline, tone_words


def test_it_goes_on_where_the_other_stopped_and_the_figures_are_of_both() -> None:
    pipeline, ring = ChangingPipeline(tone_pipeline()), RingBuffer(22_050 * 10)
    words: list[str] = []

    def do_all() -> None:
        while (step := pipeline.step(ring)) is not None:
            words.extend(event.keyword for event in step.events if isinstance(event, Detection))

    ring.write(tone_words([("yes", 0.5)], 2.0))
    do_all()
    n_hops = pipeline.counts.hops
    begun: list[int] = []

    def begin(position: int) -> Pipeline:
        begun.append(position)
        return tone_pipeline(position=position)

    over = threading.Thread(target=pipeline.change, args=(begin, lambda: True))
    over.start()
    while not begun:
        pipeline.step(ring)
    over.join()
    ring.write(tone_words([("no", 0.5)], 2.0))
    do_all()
    assert words == ["yes", "no"]
    assert n_hops < pipeline.counts.hops


def test_what_no_longer_listens_cannot_go_over() -> None:
    with pytest.raises(SessionError, match="listening has ended"):
        ChangingPipeline(tone_pipeline()).change(lambda position: tone_pipeline(), lambda: False)


@pytest.mark.parametrize(("played", "expected"), [({"yes": 0.9}, ["no"]), ({}, ["yes", "no"])])
def test_what_the_machine_plays_counts_in_the_pipeline(played: dict[str, float], expected: list[str]) -> None:
    pipeline, ring = ChangingPipeline(tone_pipeline(), lambda _: played), RingBuffer(22_050 * 10)
    ring.write(tone_words([("yes", 0.5), ("no", 2.0)], 3.5))
    words: list[str] = []
    while (step := pipeline.step(ring)) is not None:
        words.extend(event.keyword for event in step.events if isinstance(event, Detection))
    assert words == expected
