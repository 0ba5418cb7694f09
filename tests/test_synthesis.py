from pathlib import Path

import numpy as np
import pytest

from kws_live.audio import SPEECH_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.synthesis import Voice, installed_voices, speak

KINDS = ("espeak", "flite", "festival", "hibari", "pico")


def voice_of(engine: str) -> Voice:
    found = [voice for voice in installed_voices() if voice.engine == engine]
    if not found:
        pytest.skip(f"{engine} is not installed")
    return found[0]


@pytest.mark.parametrize("engine", KINDS)
def test_a_synthesiser_says_a_word_of_a_words_length_without_silence_around_it(engine: str) -> None:
    spoken = speak("lights on", voice_of(engine))
    assert spoken.dtype == np.float32
    assert 0.3 < spoken.size / SPEECH_RATE_HZ < 1.5
    assert 0.05 < np.abs(spoken).max() <= 1.01
    assert np.abs(spoken[:320]).max() > 0.005 * np.abs(spoken).max()


@pytest.mark.parametrize("engine", KINDS)
def test_faster_is_shorter(engine: str) -> None:
    voice_of(engine)
    for voice in [voice for voice in installed_voices() if voice.engine == engine][:4]:
        assert speak("marmalade", voice, speed=1.3).size < 0.9 * speak("marmalade", voice, speed=0.8).size


def test_a_synthesiser_that_does_not_start_is_one_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("festival", "espeak-ng", "flite"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 255\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    installed_voices.cache_clear()
    try:
        assert {voice.engine for voice in installed_voices()} - {"hibari", "pico"} == {"flite"}
    finally:
        installed_voices.cache_clear()


def test_what_cannot_speak_is_said() -> None:
    with pytest.raises(
        ConfigError, match="no synthesiser 'parrot'; choose from: espeak, flite, festival, hibari, pico"
    ):
        speak("hello", Voice("parrot", "polly"))
    with pytest.raises(ConfigError, match=r"espeak:.* produced (silence|no audio) for ' '"):
        speak(" ", voice_of("espeak"))
