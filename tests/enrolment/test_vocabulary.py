"""Words that are taken away, renamed and taught again, and where a new one goes."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws_live.detection import make_settings
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import takes_of as kept_takes
from kws_live.enrolment.taught_model import words_of, write_taught
from kws_live.enrolment.teaching import TaughtWord
from kws_live.enrolment.vocabulary import (
    forget_word,
    newer_base,
    rename_word,
    retrain_words,
    teach_word,
    user_model,
    where_to_teach,
)
from kws_live.errors import ConfigError, DatasetError, ModelError
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.model.taught_words import BANK_NAME
from tests.enrolment.scoring import scores
from tests.enrolment.spoken_takes import takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


def test_a_word_taken_away_leaves_the_others_bit_for_bit(model: Model) -> None:
    before = scores(model)
    after = scores(forget_word(model, "left off"))
    assert "left off" not in after
    assert after == {word: score for word, score in before.items() if word != "left off"}


def test_the_last_word_taken_away_leaves_the_base_model(model: Model, base: Model) -> None:
    bare = forget_word(forget_word(model, "left off"), "góra-dół")
    assert bare.taught is None
    assert bare.card.keywords == base.card.keywords
    assert scores(bare) == scores(base)
    with pytest.raises(ConfigError, match="has no taught words; teach one"):
        user_model("my-words")


def test_a_renamed_word_keeps_its_score_its_takes_and_its_threshold(model: Model) -> None:
    write_card(model.folder, replace(model.card, thresholds={**model.card.thresholds, "left off": 0.65}))
    before, takes = scores(load_model("my-words")), kept_takes(model)["left off"][0]
    renamed = rename_word(load_model("my-words"), "left off", "lamp")
    after = scores(renamed)
    assert after["lamp"] == before["left off"]
    assert renamed.card.thresholds["lamp"] == 0.65
    assert np.array_equal(kept_takes(renamed)["lamp"][0][0].rows, takes[0].rows)
    with pytest.raises(ConfigError, match="already has a word 'go'"):
        rename_word(renamed, "lamp", "go")
    with pytest.raises(ConfigError, match="'left off' was not taught to 'my-words'; its words are: lamp, góra-dół"):
        rename_word(renamed, "left off", "light")


def test_takes_of_two_words_that_say_nothing_of_each_other_teach_nothing(base: Model, user_models: Path) -> None:
    takes = [Take.of("a", takes_of("left", "off", n=2)[0]), Take.of("b", takes_of("up", backwards=True, n=2)[0])]
    with pytest.raises(
        DatasetError, match=r"none of the 2 takes of 'hoy' was recognised after learning from the others"
    ):
        teach_word("hoy", takes, base, user_models / "mine")
    assert not user_models.exists()


def test_a_newer_base_is_seen_and_retraining_goes_over_to_it(model: Model, base: Model) -> None:
    shutil.copytree(base.folder, model.folder.parent / "short")
    assert newer_base(model) is None
    newer = model.folder.parent / "newer"
    shutil.copytree(base.folder, newer)
    bank = Bank.load(newer / BANK_NAME)
    (newer / BANK_NAME).write_bytes(replace(bank, mean=-bank.mean).to_bytes())
    thresholds = {**base.card.thresholds, "go": 0.5}
    write_card(newer, replace(base.card, name="newer", thresholds=thresholds))
    write_card(model.folder, replace(model.card, figures={**model.card.figures, "taught_to": "newer"}))
    assert newer_base(load_model("my-words")) == "newer"
    again, _ = retrain_words(load_model("my-words"))
    assert newer_base(again) is None
    assert again.card.thresholds["go"] == 0.5


def test_a_taught_model_has_the_second_network_of_its_base_and_is_renewed_when_that_gets_one(
    model: Model, verified_model: Model, words: list[TaughtWord]
) -> None:
    assert not model.scorer().score(np.zeros((98, 40), np.float32)).opinions
    base = model.folder.parent / "newer"
    shutil.copytree(verified_model.folder, base)
    write_card(base, replace(verified_model.card, name="newer", verifier_bar=0.0))
    taught = write_taught(load_model(base), model.folder.parent / "more", words)
    assert len(taught.scorer().score(np.zeros((98, 40), np.float32)).opinions) == 2
    assert newer_base(taught) is None
    write_card(model.folder, replace(model.card, figures={**model.card.figures, "taught_to": "newer"}))
    assert newer_base(load_model(model.folder)) == "newer"


def test_without_its_base_a_model_is_taught_again_from_what_it_kept(model: Model) -> None:
    write_card(model.folder, replace(model.card, figures={**model.card.figures, "taught_to": "gone"}))
    again, words = retrain_words(load_model("my-words"))
    assert len(words) == 2
    assert scores(again)["stop"] == scores(model)["stop"]
    with pytest.raises(ConfigError, match="'left off' alone cannot be retrained on 'commands-12'"):
        retrain_words(again, "left off", "commands-12")


def test_words_are_taught_again_from_the_takes_that_are_kept(model: Model) -> None:
    again, retrained = retrain_words(model)
    assert [word.name for word in retrained] == ["left off", "góra-dół"]
    assert again.card.labels == model.card.labels
    before, after = (words_of(one)[0] for one in (model, again))
    # The takes are kept with 16 bits: nearly the same weights.
    cosine = before.weights @ after.weights / np.linalg.norm(before.weights) / np.linalg.norm(after.weights)
    assert cosine > 0.999


def test_one_word_taught_again_leaves_the_others_bit_for_bit(model: Model) -> None:
    again, _ = retrain_words(model, "left off")
    before, after = scores(model), scores(again)
    assert all(after[word] == score for word, score in before.items() if word != "left off")


def test_listening_gives_a_long_word_the_time_it_takes(words: list[TaughtWord], base: Model, user_models: Path) -> None:
    long = replace(words[0], expectation=replace(words[0].expectation, word_seconds=1.4))
    model = write_taught(base, user_models / "mine", [long])
    assert model.card.longest_word_seconds == pytest.approx(2.1)
    assert make_settings(model).snapshot().longest_word_seconds == pytest.approx(2.1)
    assert make_settings(forget_word(model, "left off")).snapshot().longest_word_seconds == 1.1


def test_the_user_words_can_be_the_only_ones_that_fire(words: list[TaughtWord], base: Model, user_models: Path) -> None:
    only = write_taught(base, user_models / "mine", words[:1], only=True)
    assert only.card.keywords == ("left off",)
    assert only.card.labels[:-1] == base.card.labels
    with pytest.raises(ConfigError, match="would have no words left; delete its folder instead"):
        forget_word(only, "left off")
    assert load_model("mine").card == only.card


def test_where_a_word_goes(model: Model, user_models: Path) -> None:
    base, folder = where_to_teach("hoy")
    assert (base.card.name, folder) == ("my-words", user_models / "my-words")  # a second word goes beside the first
    base, folder = where_to_teach("hoy", name="other")
    assert (base.card.name, folder) == ("commands-12", user_models / "other")
    base, folder = where_to_teach("hoy", model="my-words", name="other")
    assert (base.card.name, folder) == ("my-words", user_models / "other")
    for arguments, said in (
        (
            ("left off",),
            "you have already taught 'left off' to 'my-words'; to teach it again, first: kws-live words forget",
        ),
        (("stop",), "already has the word 'stop'; to adapt it to your voice: kws-live teach stop --adapt"),
        (("hoy", None, None, True), "has no word 'hoy' to adapt; leave out --adapt, or choose one of: yes, no,"),
        (("left off", None, None, True), "you have already taught 'left off' to 'my-words'"),
        (("hoy", "commands-12"), "you already have a model 'my-words'; add the word to it with --model my-words"),
        (("hoy", None, "commands-12"), "'commands-12' is a shipped model, which cannot be changed"),
        (("hoy", "paper", "other"), "model 'paper' has no embedding, so it cannot be taught"),
    ):
        with pytest.raises((ConfigError, ModelError)) as error:
            where_to_teach(*arguments)
        assert said in str(error.value)


def test_what_is_in_the_way_of_a_model_is_said(user_models: Path) -> None:
    (user_models / "my-words").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"my-words exists and is not a model; move it, or choose another --name"):
        where_to_teach("hoy")


def test_kept_recordings_go_with_their_word(base: Model, user_models: Path) -> None:
    takes = [Take.of(f"{i}", samples) for i, samples in enumerate(takes_of("left", "off", n=2))]
    model, _ = teach_word("left off", takes, base, user_models / "mine", keep_audio=True)
    kept = [name for name in model.card.files if name.endswith(".flac")]
    assert len(kept) == 2
    model = rename_word(model, "left off", "lamp")
    assert len([name for name in model.card.files if name.endswith(".flac")]) == 2
    model = forget_word(model, "lamp")
    assert not list(model.folder.glob("*.flac"))
