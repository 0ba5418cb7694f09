from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kws_live.model.features import SPEECH
from kws_live.synthesis import installed_voices
from kws_live.training.corpora.spoken_words import SHARES, texts_of, write_spoken_words
from kws_live.training.dataset import FeatureArchive


def test_texts_are_the_commonest_words_and_pairs_without_those_refused(tmp_path: Path) -> None:
    lines = ["1-1-0 THE OLD HOUSE STOOD", "1-1-1 THE OLD MILL STOOD BY THE OLD LANE", "1-1-2 IT IS THE HOUSE"]
    (tmp_path / "1.trans.txt").write_text("\n".join(lines))
    paths = [tmp_path / "1.trans.txt"]
    # the 4, old 3, house 2, stood 2; "it", "is" and "by" are too short; "the old" has too few letters for a pair
    assert texts_of(paths, 4, 0, []) == ["house", "old", "stood", "the"]
    assert texts_of(paths, 2, 0, ["old", "The house"]) == sorted(texts_of(paths, 2, 0, ["old", "The house"]))
    assert not {"old", "the", "house"} & set(texts_of(paths, 9, 9, ["old", "The house"]))
    assert "old house" in texts_of(paths, 0, 9, [])


def test_every_kind_of_synthesiser_says_every_text_the_same_each_time(tmp_path: Path) -> None:
    if not installed_voices():
        pytest.skip("no synthesiser is installed: apt-get install espeak-ng flite")
    n = write_spoken_words(tmp_path / "a", SPEECH, ["marmalade", "lights on"], seed=1)
    archive = FeatureArchive.open(tmp_path / "a")
    assert n == len(archive.names) == len(set(archive.names.tolist()))
    kinds = {voice.engine for voice in installed_voices()}
    assert n == 2 * sum(SHARES[kind] for kind in kinds)
    assert set(Counter(archive.labels.tolist())) == {"marmalade", "lights on"}
    assert {speaker.split(":")[0] for speaker in archive.speakers.tolist()} == kinds
    write_spoken_words(tmp_path / "b", SPEECH, ["marmalade", "lights on"], seed=1)
    assert np.array_equal(archive.log_mel, FeatureArchive.open(tmp_path / "b").log_mel)
