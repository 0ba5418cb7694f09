"""Where the last utterance begins and ends, in levels made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.spotting import utterance
from kws_live.spotting.utterance import FRAME_SECONDS, N_LEVELS, Utterance
from tests.fakes import decision_settings

BRIDGE_FRAMES, LEAST_SNR_DB = 15, 12.0
SETTINGS = decision_settings(
    closure_seconds=0.3, least_snr_db=LEAST_SNR_DB, below_peak_db=25.0, least_sound_seconds=0.08
)


def find_utterance(levels_db: list[float]) -> Utterance | None:
    return utterance.find_utterance(levels_db, SETTINGS)


def levels(*stretches: tuple[int, float]) -> list[float]:
    return [level for n, level in stretches for _ in range(n)]


def test_a_word_in_quiet_is_measured_to_the_frame() -> None:
    found = find_utterance(levels((60, -70), (20, -20), (15, -70)))
    assert found is not None
    assert found.seconds == pytest.approx(20 * FRAME_SECONDS)
    assert found.quiet_after_seconds == pytest.approx(15 * FRAME_SECONDS)
    assert found.quiet_before_seconds >= 60 * FRAME_SECONDS


def test_the_closure_inside_a_word_does_not_cut_it() -> None:
    found = find_utterance(levels((60, -70), (10, -20), (BRIDGE_FRAMES - 1, -70), (10, -25), (12, -70)))
    assert found is not None
    assert found.seconds == pytest.approx((20 + BRIDGE_FRAMES - 1) * FRAME_SECONDS)


def test_a_longer_pause_cuts_and_is_the_quiet_before() -> None:
    found = find_utterance(levels((60, -70), (15, -25), (20, -70), (15, -20), (10, -70)))
    assert found is not None
    assert found.quiet_before_seconds == pytest.approx(20 * FRAME_SECONDS)
    assert found.seconds == pytest.approx(15 * FRAME_SECONDS)


def test_a_louder_utterance_before_does_not_hide_the_last_one() -> None:
    found = find_utterance(levels((60, -70), (15, -20), (BRIDGE_FRAMES + 2, -70), (15, -25), (5, -70)))
    assert found is not None
    assert found.quiet_before_seconds == pytest.approx((BRIDGE_FRAMES + 2) * FRAME_SECONDS)
    assert found.quiet_after_seconds == pytest.approx(5 * FRAME_SECONDS)


def test_while_it_goes_on_there_is_no_quiet_after() -> None:
    found = find_utterance(levels((60, -70), (20, -20)))
    assert found is not None
    assert found.quiet_after_seconds == 0.0


def test_it_moves_with_the_rooms_level() -> None:
    quiet_room = find_utterance(levels((60, -80), (20, -30), (15, -80)))
    noisy_room = find_utterance(levels((60, -50), (20, 0), (15, -50)))
    assert quiet_room is not None
    assert replace(quiet_room, level_db=0.0, room_db=-50.0) == noisy_room


def test_its_level_is_the_mean_power_between_its_ends_and_the_rooms_is_beside_it() -> None:
    found = find_utterance(levels((60, -70), (10, -20), (10, -30), (15, -70)))
    assert found is not None
    assert found.level_db == pytest.approx(10 * np.log10((10**-2 + 10**-3) / 2))
    assert found.room_db == -70


def test_a_room_nearly_as_loud_as_the_word_gives_no_answer() -> None:
    assert find_utterance(levels((60, -30), (20, -30 + LEAST_SNR_DB - 1), (15, -30))) is None
    assert find_utterance(levels((60, -30), (20, -30 + LEAST_SNR_DB + 1), (15, -30))) is not None


@pytest.mark.twin("test_a_word_in_quiet_is_measured_to_the_frame")
def test_steady_sound_and_too_few_levels_give_no_answer() -> None:
    assert find_utterance(levels((200, -20))) is None
    assert find_utterance(levels((BRIDGE_FRAMES - 1, -20))) is None
    assert find_utterance([]) is None


@pytest.mark.parametrize(("n_frames", "after_frames"), [(1, 10), (2, 2)])
def test_a_single_loud_frame_is_a_click_and_does_not_lengthen_a_word(n_frames: int, after_frames: int) -> None:
    found = find_utterance(levels((60, -70), (20, -20), (8 - n_frames, -70), (n_frames, -25), (2, -70)))
    assert found is not None
    assert found.quiet_after_seconds == pytest.approx(after_frames * FRAME_SECONDS)


@pytest.mark.parametrize(("n_frames", "seconds"), [(3, 0.4), (4, 0.08)])
def test_a_knock_after_a_word_is_no_utterance_and_a_longer_sound_is(n_frames: int, seconds: float) -> None:
    found = find_utterance(levels((60, -70), (20, -20), (20, -70), (n_frames, -25), (3, -70)))
    assert found is not None
    assert found.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(("tail_db", "n_frames"), [(-44.0, 30), (-46.0, 20)])
def test_sound_far_below_the_loudest_moment_is_not_of_the_word(tail_db: float, n_frames: int) -> None:
    found = find_utterance(levels((60, -90), (20, -20), (10, tail_db), (5, -90)))
    assert found is not None
    assert found.seconds == pytest.approx(n_frames * FRAME_SECONDS)


@given(st.lists(st.sampled_from([-70.0, -45.0, -20.0]), min_size=1, max_size=N_LEVELS))
def test_whatever_comes_the_parts_fit_into_what_was_heard(heard: list[float]) -> None:
    found = find_utterance(heard)
    if found is None:
        return
    assert found.seconds > 0
    assert found.quiet_after_seconds >= 0
    assert found.quiet_before_seconds >= 0
    assert found.seconds + found.quiet_after_seconds <= len(heard) * FRAME_SECONDS + 1e-9
    end = len(heard) - round(found.quiet_after_seconds / FRAME_SECONDS)
    begin = end - round(found.seconds / FRAME_SECONDS)
    assert np.max(heard[begin:end]) == max(heard[-50:])
