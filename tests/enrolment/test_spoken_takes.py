import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kws_live.enrolment.spoken_takes import SHARES, caution, speak_takes
from kws_live.enrolment.takes import Take, fault
from kws_live.enrolment.taught_model import takes_of, write_taught
from kws_live.enrolment.teaching import Teacher
from kws_live.errors import DatasetError
from kws_live.model import Model
from kws_live.synthesis import installed_voices
from tests.enrolment.spoken_takes import takes_of as recorded_takes


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    """The word "lamp", said by whatever is installed here."""
    if not installed_voices():
        pytest.skip("no synthesiser here: apt-get install espeak-ng flite")
    return speak_takes("lamp")


@pytest.fixture
def nobody_speaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PATH", "")
    for package in ("hibari", "py_nanotts"):
        monkeypatch.setitem(sys.modules, package, None)
    installed_voices.cache_clear()
    yield
    installed_voices.cache_clear()


def test_every_kind_of_synthesiser_that_is_there_says_the_word(takes: list[Take]) -> None:
    kinds = {take.name.split(":")[0] for take in takes}
    assert kinds == {voice.engine for voice in installed_voices()}
    assert len(takes) <= sum(SHARES.values())
    assert all(take.spoken and fault(take) is None for take in takes)


def test_takes_differ_in_voice_and_speed(takes: list[Take]) -> None:
    assert len({take.name for take in takes}) == len(takes)
    seconds = [take.word_seconds for take in takes]
    assert max(seconds) > 1.3 * min(seconds)


def test_the_same_word_gives_the_same_takes(takes: list[Take]) -> None:
    again = speak_takes("lamp")
    assert [take.name for take in again] == [take.name for take in takes]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(takes, again, strict=True))


def test_recorded_takes_are_those_left_out_and_what_is_synthetic_stays_marked(
    takes: list[Take], commands_model: Model, tmp_path: Path
) -> None:
    spoken = [take.features(commands_model) for take in takes]
    own = [Take.of("take", t).features(commands_model) for t in recorded_takes("left", "off", n=2)]
    word = Teacher(commands_model).teach("lamp", [*own, *spoken])
    expected = word.expectation
    assert (expected.n_takes, expected.n_spoken, expected.n_tries) == (2 + len(takes), len(takes), 2)
    assert "of 2 recorded takes" in expected.lines("lamp")[0]
    kept = takes_of(write_taught(commands_model, tmp_path / "mine", [word]))["lamp"][0]
    assert [take.spoken for take in kept] == [False, False, *(True for _ in takes)]


def test_a_text_too_long_for_a_word_is_said(takes: list[Take]) -> None:
    with pytest.raises(DatasetError, match=r"0 of \d+ synthetic voices say '.*' in at most 1\.5 s"):
        speak_takes("supercalifragilistic antidisestablishment")


def test_a_language_that_nobody_speaks_is_said(takes: list[Take]) -> None:
    with pytest.raises(DatasetError, match="no installed synthesiser speaks 'tlh-x'; espeak-ng --voices lists"):
        speak_takes("lamp", "tlh-x")


@pytest.mark.usefixtures("nobody_speaks")
def test_without_a_synthesiser_the_packages_are_named() -> None:
    with pytest.raises(DatasetError, match="apt-get install espeak-ng flite festival"):
        speak_takes("lamp")


def test_how_much_worse_it_is_comes_from_the_models_card() -> None:
    told = caution({"teaching": {"from text": 0.701, "5 takes": 0.92}})
    assert "were recognised in 70 % after teaching from text, 92 % after teaching from five recorded takes;" in told
    assert caution({}).startswith("synthetic voices are not people; record a few takes")


def test_a_model_that_was_proved_on_recorded_takes_alone_says_so_of_them_alone() -> None:
    told = caution({"teaching": {"5 takes": 0.92}})
    assert "were recognised in 92 % after teaching from five recorded takes;" in told
    assert "from text," not in told
