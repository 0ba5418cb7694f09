"""Voices that say no keyword: long recordings are talk, short ones are words, and names tell what is left out."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import SPEECH_LABEL
from kws_live.model.features import SPEECH
from kws_live.training.corpora.other_voices import VOICE_LABEL, _middle_second, says, write_other_voices
from kws_live.training.dataset import FeatureArchive

RNG = np.random.default_rng(1)
WORDS = ("yes", "no", "up", "off", "stop", "go")


@pytest.mark.parametrize("name", ["no", "Nooo", "Yessir", "dont_stop2", "go-away", "UpUp", "of"])
def test_a_name_that_says_a_keyword_is_found(name: str) -> None:
    assert says(name, WORDS)


@pytest.mark.twin("test_a_name_that_says_a_keyword_is_found")
@pytest.mark.parametrize("name", ["november", "upset", "gopher", "Ohdear", "vm-options", "07"])
def test_a_name_that_only_begins_like_a_short_one_is_not(name: str) -> None:
    assert not says(name, WORDS)


def test_the_middle_second_is_around_the_sound() -> None:
    sound = np.zeros(24_000, np.float32)
    sound[20_000:20_100] = 1
    second = _middle_second(sound, 16_000)
    assert second.size == 16_000
    np.testing.assert_array_equal(np.flatnonzero(second), np.arange(8_000 - 49, 8_000 + 51))
    assert _middle_second(sound[20_000:20_100], 16_000).sum() == 100


def test_long_recordings_are_talk_without_its_pauses_and_short_ones_are_words(tmp_path: Path) -> None:
    voice = RNG.uniform(-0.5, 0.5, 5 * 16_000)
    voice[2 * 16_000 : 4 * 16_000] *= 1e-4
    (tmp_path / "voices").mkdir()
    for name, sound in (("prompt", voice), ("word", voice[:9_000]), ("nothing", 0 * voice), ("no", voice)):
        soundfile.write(tmp_path / "voices" / f"{name}.wav", sound, 16_000)
    (tmp_path / "voices" / "broken.ogg").write_bytes(b"OggS")
    n = write_other_voices(tmp_path / "out", SPEECH, [tmp_path / "voices"], WORDS)
    archive = FeatureArchive.open(tmp_path / "out")
    labels = archive.labels.tolist()
    assert n == len(labels)
    assert labels.count(VOICE_LABEL) == 1
    # Of 21 windows, 0.2 s apart, seven lie beside the prompt's pause and two reach a little into it.
    assert 7 <= labels.count(SPEECH_LABEL) <= 11
    assert set(labels) == {VOICE_LABEL, SPEECH_LABEL}
    assert archive.sets.tolist() == ["train"] * n
