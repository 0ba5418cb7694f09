"""The data of the original experiment: its words, features and splits."""

from pathlib import Path

import numpy as np
import pytest

from kws_live.errors import DatasetError
from kws_live.model.features import FeatureExtractor
from kws_live.paper.data import (
    PAPER_WORDS,
    archive_words,
    choose_words,
    random_split,
    speaker_split,
    write_features,
)
from kws_live.training.dataset import FeatureArchive
from tests.paper.material import people, say


def test_the_words_are_the_ten_with_most_recordings_where_the_papers_are_missing(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"word{number:02d}").mkdir()
        for take in range(1 if number in (3, 7) else 2):
            (tmp_path / f"word{number:02d}" / f"{take}.wav").touch()
    assert choose_words(tmp_path) == tuple(f"word{number:02d}" for number in range(12) if number not in (3, 7))


def test_the_papers_words_are_used_where_there_are_enough_of_each(tmp_path: Path) -> None:
    for word in (*PAPER_WORDS, "zebra"):
        (tmp_path / word).mkdir()
        for take in range(100):
            (tmp_path / word / f"{take}.wav").touch()
    assert choose_words(tmp_path) == PAPER_WORDS


def test_fewer_than_ten_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "1.wav").touch()
    with pytest.raises(DatasetError, match="has 1 folders of words; the experiment needs 10"):
        choose_words(tmp_path)


# librosa 0.11 asks for old readers of Python's own when it loads a file.
@pytest.mark.filterwarnings("ignore:.*slated for removal in Python 3.13:DeprecationWarning")
def test_features_are_made_again_when_a_recording_is_new(recordings: Path, tmp_path: Path) -> None:
    words = ("word0", "word1")
    calls: list[int] = []
    write_features(recordings, words, tmp_path / "f.json", lambda done, _: calls.append(done))
    assert calls[-1] == 24
    write_features(recordings, words, tmp_path / "f.json", lambda done, _: calls.append(done))
    assert len(calls) == 24
    write_features(recordings, (*words, "word2"), tmp_path / "f.json", lambda done, _: calls.append(done))
    assert len(calls) == 24 + 36


def test_a_random_split_takes_ten_percent_to_test_and_ten_of_the_rest_to_validate() -> None:
    split = random_split(people(50, 1000))
    assert (split.test.size, split.val.size, split.train.size) == (100, 90, 810)
    assert sorted(np.concatenate([split.train, split.val, split.test])) == list(range(1000))


def test_a_split_by_speaker_has_the_same_shares_and_no_voice_in_two_parts() -> None:
    word_set = people(300, 3000)
    split = speaker_split(word_set)
    assert sorted(np.concatenate([split.train, split.val, split.test])) == list(range(3000))
    assert abs(split.test.size - 300) < 30
    assert abs(split.val.size - 270) < 30
    voices = [set(word_set.speakers[rows]) for rows in (split.train, split.val, split.test)]
    assert not voices[0] & voices[1]
    assert not voices[0] & voices[2]
    assert not voices[1] & voices[2]


def test_words_of_an_archive_come_with_the_first_coefficients(archive: FeatureArchive) -> None:
    word_set = archive_words(archive)
    every_second = archive_words(archive, every=2)
    assert every_second.mfcc.shape[1] == every_second.settings.n_frames == 49
    np.testing.assert_array_equal(every_second.mfcc, word_set.mfcc[:, ::2])
    assert word_set.mfcc.shape == (120, 98, 13)
    assert word_set.settings.n_mfcc == 13
    assert [word_set.words[label] for label in word_set.labels[::12]] == list(PAPER_WORDS)
    np.testing.assert_allclose(word_set.mfcc[5], archive.mfcc(np.array([5]))[0, :, :13], rtol=1e-4, atol=1e-2)


def test_every_second_frame_is_the_front_end_with_twice_the_hop(archive: FeatureArchive) -> None:
    word_set = archive_words(archive, every=2)
    live = FeatureExtractor(word_set.settings).mfcc(say(3, 5).astype(np.float32))
    np.testing.assert_allclose(word_set.mfcc[3 * 12 + 5], live, atol=0.1)  # the archive keeps 16-bit floats
