"""Models that were taught words of no language, in a folder of the test's own."""

from pathlib import Path

import pytest

from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import write_taught
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.model import Model
from tests.enrolment.short_bank import with_short_bank
from tests.enrolment.spoken_takes import takes_of


@pytest.fixture(autouse=True)
def user_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where taught words go: not to the models of the person who runs the tests."""
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="session")
def base(commands_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """What the words are taught to."""
    return with_short_bank(commands_model, tmp_path_factory.mktemp("shipped") / "short")


@pytest.fixture(scope="session")
def words(base: Model) -> list[TaughtWord]:
    teacher = Teacher(base)
    return [
        teacher.teach(name, [Take.of("a", t).features(base) for t in takes_of(*parts, n=2)])
        for name, parts in (("left off", ("left", "off")), ("góra-dół", ("up", "down")))
    ]


@pytest.fixture
def model(words: list[TaughtWord], base: Model, user_models: Path) -> Model:
    return write_taught(base, user_models / "my-words", words)


@pytest.fixture(scope="session")
def accent(base: Model) -> TaughtWord:
    """The word "stop" said backwards, as an accent that the network does not hear."""
    takes = [Take.of("a", t).features(base) for t in takes_of("stop", n=2, backwards=True)]
    return Teacher(base).teach("stop", takes)


@pytest.fixture
def adapted(words: list[TaughtWord], accent: TaughtWord, base: Model, user_models: Path) -> Model:
    return write_taught(base, user_models / "adapted", [*words, accent])
