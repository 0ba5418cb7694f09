"""Recordings made of tones: each word is a pitch, so that a few epochs learn it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.model.features import SPEECH, FeatureExtractor
from kws_live.paper.data import (
    PAPER_WORDS,
)
from kws_live.training.dataset import ClipInfo, FeatureArchive, StoredValues, write_archive
from tests.paper.material import say


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("words")
    for word in range(10):
        (data / f"word{word}").mkdir()
        for speaker in range(12):
            soundfile.write(data / f"word{word}" / f"{speaker:08x}_nohash_0.wav", say(word, speaker), 16_000)
    (data / "word3" / "bad_nohash_0.wav").write_bytes(b"no sound")
    return data


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> FeatureArchive:
    """The paper's ten words and one other, by the default front end."""
    extractor = FeatureExtractor(SPEECH)
    clips, log_mel = [], []
    for number, word in enumerate((*PAPER_WORDS, "tree")):
        for speaker in range(12):
            clips.append(ClipInfo(f"{word}/{speaker}", word, str(speaker), "train" if speaker < 10 else "val"))
            log_mel.append(extractor.log_mel(say(number, speaker).astype(np.float32)))
    folder = tmp_path_factory.mktemp("archive") / "features"
    write_archive(folder, SPEECH, StoredValues("float16"), clips, np.array(log_mel, np.float16))
    return FeatureArchive.open(folder)
