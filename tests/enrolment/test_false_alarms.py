"""A taught word unlearns what it fired on."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.cli import main
from kws_live.enrolment.taught_model import words_of
from kws_live.enrolment.vocabulary import (
    put_word,
    retrain_words,
    without_alarm,
)
from kws_live.errors import ConfigError, DatasetError
from kws_live.model import Model, load_model
from kws_live.model.taught_words import WORDS_NAME
from tests.enrolment.spoken_takes import takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


@pytest.fixture
def alarm() -> Samples:
    """What "left off" fires on, and is not."""
    return takes_of("left", "on", n=3)[1]


def test_a_word_unlearns_a_false_alarm_and_keeps_its_takes(model: Model, alarm: Samples) -> None:
    before, after = without_alarm(model, "left off", alarm)
    assert not before.false_alarms
    assert np.array_equal(load_model("my-words").taught.weights, model.taught.weights)  # type: ignore[union-attr]
    assert after.expectation.hits == before.expectation.hits
    changed = put_word(model, after)
    for one in (changed, retrain_words(changed, "left off")[0]):
        with pytest.raises(
            ConfigError, match=r"'left off' does not fire in this recording; its highest score is 0\.\d\d"
        ):
            without_alarm(one, "left off", alarm)
        assert len(words_of(one)[0].false_alarms) == 1


def test_a_recording_of_the_word_itself_is_no_false_alarm(model: Model) -> None:
    with pytest.raises(
        DatasetError, match="'left off' cannot be distinguished from this recording; does it contain the word itself"
    ):
        without_alarm(model, "left off", takes_of("left", "off", n=2)[0])


def test_what_a_false_alarm_costs_is_shown_before_it_is_kept(
    model: Model, alarm: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "alarm.wav", alarm, SPEECH_RATE_HZ)
    before = (model.folder / WORDS_NAME).read_bytes()
    assert main(["words", "not-this", "left off", str(tmp_path / "alarm.wav")]) == 0
    told = capsys.readouterr().out
    assert told.startswith('with this change, "left off" no longer fires in alarm.wav; takes recognised when left out ')
    assert "out of the learning: 2 of 2 before, 2 after; false accepts in " in told
    assert "nothing was changed; to save the change, add --keep" in told
    assert (model.folder / WORDS_NAME).read_bytes() == before
    assert main(["words", "not-this", "left off", str(tmp_path / "alarm.wav"), "--keep"]) == 0
    assert 'changed "left off"' in capsys.readouterr().out
    assert (model.folder / WORDS_NAME).read_bytes() != before
    soundfile.write(tmp_path / "long.wav", np.tile(alarm, 20), SPEECH_RATE_HZ)
    assert main(["words", "not-this", "left off", str(tmp_path / "long.wav")]) == 1
    assert "is longer than 10 s; cut out the moment at which it fired" in capsys.readouterr().err
