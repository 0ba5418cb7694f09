from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.actions.sound import Sound
from kws_live.errors import ActionError, ConfigError
from tests.spoken import spoken


def test_a_sound_too_long_or_no_sound_at_all_is_refused_at_the_start(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(61 * 8000, np.float32), 8000)
    with pytest.raises(ConfigError, match="is 61 s long; the limit is 60 s"):
        Sound(tmp_path / "song.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ConfigError, match="cannot read sound"):
        Sound(tmp_path / "text.wav")


def test_without_a_speaker_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "ding.wav", np.zeros(800, np.float32), 8000)
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/nonexistent")  # ALSA then knows of no device
    monkeypatch.setenv("PULSE_SERVER", "/nonexistent")
    sound = Sound(tmp_path / "ding.wav")
    with pytest.raises(ActionError, match="is there a speaker"):
        sound.do(spoken("yes"))
    assert sound.describe(spoken("yes")) == f"play {tmp_path / 'ding.wav'}"
