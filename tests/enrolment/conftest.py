"""Models that were taught words of no language, in a folder of the test's own."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kws_live.audio import HOP_SECONDS
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import write_taught
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.model.taught_words import BANK_NAME
from tests.enrolment.spoken_takes import takes_of

BANK_SECONDS = 300.0


@pytest.fixture(autouse=True)
def user_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where taught words go: not to the models of the person who runs the tests."""
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="session")
def base(commands_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The default model with a short bank: deciding on half an hour of talk is most of what teaching a word takes."""
    folder = tmp_path_factory.mktemp("shipped") / "short"
    shutil.copytree(commands_model.folder, folder)
    bank = Bank.load(folder / BANK_NAME)
    n = int(bank.starts[bank.starts <= BANK_SECONDS / HOP_SECONDS][-1])  # whole recordings
    hops = {name: getattr(bank, name)[:n] for name in ("stream", "gate_open", "levels_db", "posteriors")}
    (folder / BANK_NAME).write_bytes(replace(bank, starts=bank.starts[bank.starts < n], **hops).to_bytes())
    write_card(folder, replace(commands_model.card, name="short"))
    return load_model(folder)


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
