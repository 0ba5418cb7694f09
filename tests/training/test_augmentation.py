"""Training windows: what is done to a word, and how it is labelled."""

from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from kws_live.audio import SPEECH_LABEL
from kws_live.errors import ConfigError, DatasetError
from kws_live.model.features import dct_matrix
from kws_live.training.augmentation import Augmenter, _label_shares, _presence
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.clips import Clips, word_extent
from kws_live.training.dataset import ClipInfo, FeatureArchive, StoredValues, write_archive
from kws_live.training.mel_effects import band_warp, creatures, echo, vary
from tests.training.small_archives import BANDS, KEYWORDS, TINY, write_words

PLAIN = AugmentationSettings(
    cut_share=0.0,
    neighbour_share=0.0,
    warp=(1.0, 1.0),
    tempo=(1.0, 1.0),
    reverb_share=0.0,
    equaliser_db=0.0,
    gain_db=(0.0, 0.0),
    noise_share=0.0,
    zeros_share=0.0,
    time_masks=0,
    band_masks=0,
)
"""Nothing but a move within the window (and the one microphone in six that has little bass)."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips.of_set([write_words(tmp_path_factory.mktemp("archive") / "words")], KEYWORDS, "train")


def decibels(mfcc: np.ndarray) -> np.ndarray:
    return mfcc @ dct_matrix(TINY.n_mfcc, TINY.n_mels)


def test_a_batch_is_a_function_of_seed_epoch_and_number_alone(clips: Clips) -> None:
    augmenter = Augmenter(clips, AugmentationSettings(), batch_size=16, seed=3)
    augmenter.batch(0, 1)  # what was made before must not matter
    again = Augmenter(clips, AugmentationSettings(), batch_size=16, seed=3)
    for first, second in zip(augmenter.batch(2, 1), again.batch(2, 1), strict=True):
        np.testing.assert_array_equal(first, second)
    for other in (augmenter.batch(2, 0), augmenter.batch(1, 1), replace(augmenter, seed=4).batch(2, 1)):
        assert not np.array_equal(augmenter.batch(2, 1)[0], other[0])


EVERYTHING = AugmentationSettings(
    reversed_share=0.2, rhythm_share=0.2, noise_tempo=(0.5, 2.0), noise_warp=(0.75, 1.33), noise_mix_share=0.1,
    pieces_share=0.1,
)  # fmt: skip


@hypothesis.given(st.integers(0, 1000), st.integers(8, 40))
def test_label_shares_are_a_distribution(clips: Clips, epoch: int, batch_size: int) -> None:
    mfcc, labels = Augmenter(clips, EVERYTHING, batch_size, seed=1).batch(epoch, 0)
    assert mfcc.shape == (batch_size, TINY.n_frames, TINY.n_mfcc)
    assert mfcc.dtype == labels.dtype == np.float32
    assert np.isfinite(mfcc).all()
    assert labels.min() >= 0
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)


def test_a_batch_holds_the_shares_it_was_asked_for(clips: Clips) -> None:
    settings = replace(PLAIN, unknown_share=0.25, silence_share=0.25)
    _, labels = Augmenter(clips, settings, batch_size=16, seed=1).batch(0, 0)
    np.testing.assert_allclose(labels.sum(axis=0)[2:], [4, 4])


def test_an_epoch_shows_every_keyword_clip_once(clips: Clips) -> None:
    # 60 keyword clips and 12 of them in a batch
    augmenter = Augmenter(clips, replace(PLAIN, unknown_share=0.25, silence_share=0.0), batch_size=16, seed=1)
    assert augmenter.n_batches == 5
    seen = np.concatenate([augmenter.choose_words(4, number) for number in range(5)])
    np.testing.assert_array_equal(np.sort(seen), np.flatnonzero(clips.label < 2))


def test_a_word_keeps_its_bands_and_its_label_wherever_it_stands(clips: Clips) -> None:
    mfcc, labels = Augmenter(clips, PLAIN, batch_size=32, seed=1).batch(0, 0)
    starts = set()
    for window, shares in zip(decibels(mfcc), labels, strict=True):
        word = next((w for i, w in enumerate(("yes", "no", "maybe")) if shares[i] > 0.99), None)
        if word is None:
            continue
        loud = window[:, BANDS[word]].mean(axis=1) > 0
        assert 7 <= loud.sum() <= 9  # eight frames, one of them perhaps between two
        assert window[loud][:, BANDS[word]].mean() > window[loud].mean() + 20
        starts.add(int(loud.argmax()))
    assert len(starts) > 5


def test_the_extent_of_a_word_is_where_it_sounds() -> None:
    spectrum = np.full((2, 40, 4), -50.0, dtype=np.float32)
    spectrum[0, 10:20] = 0
    spectrum[1] = 10
    onset, offset, level = word_extent(spectrum)
    assert 8 <= onset[0] <= 10
    assert 20 <= offset[0] <= 22
    assert (onset[1], offset[1]) == (0, 40)
    assert level[1] == pytest.approx(10, abs=1e-3)


def test_a_word_counts_by_how_much_of_it_can_be_seen() -> None:
    np.testing.assert_allclose(
        _presence(np.array([0.0, 0.5, 0.675, 0.85, 1.0], dtype=np.float32)), [0, 0, 0.5, 1, 1], atol=1e-6
    )


def test_what_is_no_keyword_is_unknown_if_heard_and_else_silence() -> None:
    keywords = np.array([[1, 0], [0.5, 0], [0, 0], [0, 0], [0, 0], [1, 1]], dtype=np.float32)
    visible = np.array([1, 0.7, 1, 0, 0.1, 1], dtype=np.float32)
    shares = _label_shares(keywords, visible, n_silence=1)
    expected: list[list[float]] = [
        [1, 0, 0, 0],  # a whole word
        [0.5, 0, 0.5, 0],  # half counted
        [0, 0, 1, 0],  # another word
        [0, 0, 0, 1],  # a word outside the window
        [0, 0, 0.5, 0.5],  # a tenth of a word
        [0.5, 0.5, 0, 0],  # two keywords
        [0, 0, 0, 1],  # no word at all
    ]
    np.testing.assert_allclose(shares, expected)


def test_noise_stands_at_the_snr_below_the_word(clips: Clips) -> None:
    settings = replace(PLAIN, noise_share=1.0, snr_db=(10.0, 10.0), unknown_share=0.25, silence_share=0.25)
    augmenter = Augmenter(clips, settings, 16, seed=1)
    power = np.zeros((4, TINY.n_frames, TINY.n_mels), dtype=np.float32)
    augmenter.add_noise(np.random.default_rng(0), power, level=np.zeros(4, dtype=np.float32))
    np.testing.assert_allclose(10 * np.log10(power.mean(axis=(1, 2))), -10, atol=0.05)


def test_a_warp_by_one_changes_nothing_and_another_moves_a_band() -> None:
    factors = np.array([1.0, 1.2, 0.8], dtype=np.float32)
    warp = band_warp(factors, TINY)
    np.testing.assert_allclose(warp[0], np.eye(TINY.n_mels), atol=1e-4)
    tone = np.zeros(TINY.n_mels, dtype=np.float32)
    tone[10] = 1
    assert (tone @ warp[1]).argmax() > 10
    assert (tone @ warp[2]).argmax() < 10


def test_an_echo_only_adds_after_the_sound_and_decays() -> None:
    power = np.zeros((1, 50, 2), dtype=np.float32)
    power[0, 10] = 1
    echo(np.random.default_rng(0), power, 1.0, (0.2, 0.6))
    tail = power[0, :, 0]
    assert (tail[:10] == 0).all()
    assert tail[10] == 1
    assert (np.diff(tail[11:]) < 0).all()
    assert tail[11] > 0


def test_a_keyword_without_clips_is_refused(clips: Clips) -> None:
    with pytest.raises(DatasetError, match="no clip of left"):
        Clips.of_set(clips.archives, ("yes", "left"), "train")


@pytest.mark.parametrize(
    "wrong", [{"noise_share": 1.5}, {"tempo": (1.2, 0.8)}, {"time_masks": -1}, {"unknown_share": 0.9}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="augmentation"):
        AugmentationSettings(**wrong)  # type: ignore[arg-type]


def test_a_noise_with_a_rhythm_has_a_spectrum_that_stands_still(clips: Clips) -> None:
    settings = replace(PLAIN, noise_share=1.0, babble_share=0.0, rhythm_share=1.0, silence_db=(0.0, 0.0))
    augmenter = Augmenter(clips, settings, 16, seed=1)
    power = np.zeros((300, TINY.n_frames, TINY.n_mels), dtype=np.float32)
    augmenter.add_noise(np.random.default_rng(0), power, level=np.zeros(0, dtype=np.float32))
    # A curve times a spectrum is a sum in logarithms; what is left without it is gamma noise of shape 3, whose
    # logarithm deviates by 0.63.
    for window in np.log(power[:20]):
        left = window - window.mean(axis=0) - window.mean(axis=1, keepdims=True) + window.mean()
        assert 0.5 < left.std() < 0.75


def test_running_speech_stays_in_place_and_can_be_played_backwards(tmp_path: Path) -> None:
    ramp = np.linspace(-40, 20, TINY.n_frames)[np.newaxis, :, np.newaxis].repeat(TINY.n_mels, axis=2)
    rows = [ClipInfo(f"{label}/{i}", label, "", "train") for label in (*KEYWORDS, SPEECH_LABEL) for i in range(4)]
    write_archive(
        tmp_path / "a", TINY, StoredValues("float16"), rows, ramp.repeat(len(rows), axis=0).astype(np.float16)
    )
    speech = Clips.of_set([FeatureArchive.open(tmp_path / "a")], KEYWORDS, "train")
    chosen = np.flatnonzero(speech.is_speech)
    for share, sign in ((0.0, 1), (1.0, -1)):
        augmenter = Augmenter(speech, replace(PLAIN, reversed_share=share), 16, seed=1)
        power, _ = augmenter.place(np.random.default_rng(0), chosen, None)
        decibels = 10 * np.log10(power + TINY.floor_power)
        np.testing.assert_allclose(decibels[0, :, 0][::sign], ramp[0, :, 0], atol=0.1)


def test_pieces_of_words_are_unknown_and_shorter_than_words(clips: Clips) -> None:
    settings = replace(PLAIN, unknown_share=0.5, silence_share=0.0, pieces_share=1.0)
    augmenter = Augmenter(clips, settings, 32, seed=1)
    mfcc, labels = augmenter.batch(0, 0)
    in_pieces = decibels(mfcc)[labels[:, len(KEYWORDS)] == 1]
    assert len(in_pieces) == 16
    lengths: list[int] = []
    for window in in_pieces:
        for bands in BANDS.values():
            loud = np.concatenate([[False], window[:, bands].mean(axis=1) > window.mean() + 6, [False]])
            lengths += np.diff(np.flatnonzero(np.diff(loud.astype(int))))[::2].tolist()
    assert len(lengths) > 32
    # At most half of a word each; now and then two pieces of the same word follow one another.
    words = ~clips.is_noise & ~clips.is_speech
    assert np.median(lengths) <= float((clips.offset - clips.onset)[words].max()) / 2


def test_a_varied_noise_is_another_of_its_kind() -> None:
    power = np.zeros((200, TINY.n_frames, TINY.n_mels), dtype=np.float32)
    power[:, :, 10] = 1.0 + np.arange(TINY.n_frames) % 5
    rng = np.random.default_rng(1)
    same = vary(rng, power, (1.0, 1.0), (1.0, 1.0), TINY)
    np.testing.assert_allclose(np.sort(same.max(axis=(1, 2))), 5.0, atol=0.6)  # only moved along time, round and round
    assert (same.argmax(axis=2) == 10).all()
    other = vary(rng, power, (1.0, 1.0), (0.7, 1.4), TINY)
    assert other.mean(axis=1).argmax(axis=1).std() > 1  # higher and lower
    fast = vary(rng, power, (2.0, 2.0), (1.0, 1.0), TINY)
    assert np.abs(np.diff(fast[:, :, 10])).mean() > 1.3 * np.abs(np.diff(power[:, :, 10])).mean()


def test_two_noises_at_once_stand_together_at_the_wanted_level(clips: Clips) -> None:
    settings = replace(PLAIN, noise_share=1.0, noise_mix_share=1.0, noise_tempo=(0.5, 2.0), silence_db=(0.0, 0.0))
    augmenter = Augmenter(clips, settings, 16, seed=1)
    power = np.zeros((50, TINY.n_frames, TINY.n_mels), dtype=np.float32)
    augmenter.add_noise(np.random.default_rng(0), power, level=np.zeros(0, dtype=np.float32))
    np.testing.assert_allclose(10 * np.log10(power.mean(axis=(1, 2))), 0, atol=0.05)


def test_a_creature_is_a_voice_far_higher_or_lower_and_backwards_half_of_the_time(clips: Clips) -> None:
    half = TINY.n_frames // 2
    voices = np.zeros((200, TINY.n_frames, TINY.n_mels), dtype=np.float32)
    voices[:, :half, 8] = 1.0
    moved = creatures(np.random.default_rng(1), voices.copy(), TINY)
    band = moved.sum(axis=1).argmax(axis=1)
    assert (np.abs(band - 8) >= 2).all()
    assert 0.3 < (band > 8).mean() < 0.7
    early = moved[:, :half].sum(axis=(1, 2)) > moved[:, half:].sum(axis=(1, 2))
    assert 0.3 < early.mean() < 0.7
    settings = replace(PLAIN, noise_share=1.0, creature_share=1.0, silence_db=(0.0, 0.0))
    power = np.zeros((50, TINY.n_frames, TINY.n_mels), dtype=np.float32)
    Augmenter(clips, settings, 16, seed=1).add_noise(np.random.default_rng(0), power, np.zeros(0, np.float32))
    np.testing.assert_allclose(10 * np.log10(power.mean(axis=(1, 2))), 0, atol=0.05)
