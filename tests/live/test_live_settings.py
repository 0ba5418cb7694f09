"""Settings that change while audio flows."""

import asyncio
import threading
from contextlib import AbstractContextManager, ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.errors import ConfigError
from kws_live.live.live_settings import LiveSettings
from tests.fakes import decision_settings


def test_a_threshold_changes_and_a_snapshot_taken_before_does_not(live: LiveSettings) -> None:
    before = live.snapshot()
    live.set_threshold("yes", 0.85)
    assert live.snapshot().thresholds == {"yes": 0.85, "no": 0.6, "stop": 0.6}
    assert before.thresholds["yes"] == 0.6
    assert live.version == 1


@pytest.mark.parametrize("value", [1.5, 0.0, -0.2, float("nan"), float("inf")])
def test_an_impossible_threshold_is_refused_and_the_old_one_stays(live: LiveSettings, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{value} for 'yes'"):
        live.set_thresholds({"no": 0.3, "yes": value})
    assert live.snapshot() == decision_settings()
    assert live.version == 0


def test_an_unknown_word_is_refused_and_the_known_ones_are_named(live: LiveSettings) -> None:
    with pytest.raises(ConfigError, match=r"'maybe'.*yes, no, stop"):
        live.set_threshold("maybe", 0.5)
    with pytest.raises(ConfigError, match=r"'maybe'.*yes, no, stop"), live.only("maybe"):
        pass
    assert live.snapshot() == decision_settings()


def test_an_unknown_setting_is_refused_and_the_known_ones_are_named(live: LiveSettings) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'loudness'.*refractory_seconds"):
        live.change(loudness=3)


def test_reset_goes_back_to_the_defaults(live: LiveSettings) -> None:
    live.change(mode="command", refractory_seconds=3.0)
    live.reset()
    assert live.snapshot() == decision_settings()


def test_only_masks_the_others_while_the_block_runs_even_when_it_raises(live: LiveSettings) -> None:
    with live.only("yes", "no"):
        assert live.snapshot().active == frozenset({"yes", "no"})
        with live.only():
            assert live.snapshot().active == frozenset()
        assert live.snapshot().active == frozenset({"yes", "no"})
        with pytest.raises(RuntimeError), live.only("no"):
            raise RuntimeError
        assert live.snapshot().active == frozenset({"yes", "no"})
    assert live.snapshot().active is None


def test_only_blocks_that_overlap_each_take_back_their_own(live: LiveSettings) -> None:
    first, second, third = live.only("yes"), live.only("yes", "no"), live.only("yes")
    with ExitStack() as second_open, ExitStack() as first_open:
        first_open.enter_context(first)
        second_open.enter_context(second)
        assert live.snapshot().active == frozenset({"yes", "no"})  # the one begun last decides
        first_open.close()
        assert live.snapshot().active == frozenset({"yes", "no"})
        with third:
            assert live.snapshot().active == frozenset({"yes"})
            second_open.close()
            assert live.snapshot().active == frozenset({"yes"})
    assert live.snapshot().active is None


def test_only_blocks_of_tasks_that_overlap_leave_every_word_on(live: LiveSettings) -> None:
    async def main() -> None:
        first_is_over, second_is_open = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            with live.only("yes"):
                await second_is_open.wait()
            first_is_over.set()

        async def second() -> None:
            with live.only("no"):
                second_is_open.set()
                await first_is_over.wait()
                assert live.snapshot().active == frozenset({"no"})

        await asyncio.gather(first(), second())

    asyncio.run(main())
    assert live.snapshot().active is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=20))
def test_of_only_blocks_in_any_order_the_newest_that_is_open_decides(steps: list[tuple[bool, int]]) -> None:
    live = LiveSettings(decision_settings(active=frozenset({"stop"})))
    is_open: list[tuple[frozenset[str], AbstractContextManager[None]]] = []
    for begins, number in steps:
        if begins:
            words = frozenset(("yes", "no", "stop")[: number % 4])
            block = live.only(*words)
            block.__enter__()
            is_open.append((words, block))
        elif is_open:
            is_open.pop(number % len(is_open))[1].__exit__(None, None, None)
        expected = is_open[-1][0] if is_open else frozenset({"stop"})
        assert live.snapshot().active == expected


def test_threads_that_change_different_words_lose_no_change(live: LiveSettings) -> None:
    def count(word: str) -> None:
        for i in range(1, 301):
            live.set_threshold(word, i / 300)

    threads = [threading.Thread(target=count, args=(word,)) for word in ("yes", "no", "stop")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.snapshot().thresholds == {"yes": 1.0, "no": 1.0, "stop": 1.0}
    assert live.version == 900


def test_another_models_words_keep_what_was_set_of_those_that_both_know() -> None:
    settings = LiveSettings(decision_settings(thresholds={"yes": 0.6, "no": 0.6, "up": 0.6}))
    settings.set_threshold("yes", 0.9)
    settings.change(active=frozenset({"yes", "up"}), refractory_seconds=2.0)
    with settings.only("yes", "up"):
        settings.adopt(decision_settings(thresholds={"yes": 0.7, "no": 0.7, "lamp": 0.7}))
        assert settings.snapshot().active == frozenset({"yes"})
    now = settings.snapshot()
    assert now.thresholds == {"yes": 0.9, "no": 0.7, "lamp": 0.7}
    assert now.active == frozenset({"yes", "lamp"})
    assert now.refractory_seconds == 2.0
    settings.reset()
    assert settings.snapshot().thresholds == {"yes": 0.7, "no": 0.7, "lamp": 0.7}


def test_another_models_recommendations_count_where_nothing_was_set() -> None:
    settings = LiveSettings(decision_settings())
    settings.change(longest_word_seconds=1.5)
    settings.adopt(decision_settings(longest_word_seconds=1.9, evidence=5.0))
    assert settings.snapshot().evidence == 5.0
    assert settings.snapshot().longest_word_seconds == 1.5
    settings.reset()
    assert settings.snapshot().longest_word_seconds == 1.9
