"""A second network, asked where the first hears a word."""

import shutil
from dataclasses import replace
from pathlib import Path

import add_verifier
import numpy as np
import pytest

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ, Samples
from kws_live.detection import make_pipeline, make_settings, run
from kws_live.errors import ModelError
from kws_live.model import FILTERS_NAME, Model, load_model
from kws_live.model.card import LITERT_NAME, VERIFIER_NAME, write_card
from kws_live.model.features import Features
from kws_live.model.scorer import LEAST, LiteRtScorer, Posteriors, VerifiedScorer
from kws_live.sources.array import ArraySource
from kws_live.sources.recordings import read_mono
from kws_live.spotting.verdict import Heard
from tests.enrolment.spoken_takes import DEMO

FEATURES = np.zeros((98, 40), np.float32)


class Says:
    """A network that always says the same, of "yes", "no" and silence; it notes what it was shown."""

    def __init__(self, *posteriors: float) -> None:
        self.heard = Heard(np.array(posteriors, np.float32))
        self.shown: list[Features] = []

    def score(self, features: Features, follows: bool = False) -> Heard:
        self.shown.append(features)
        return self.heard


def test_where_the_first_hears_a_word_the_geometric_mean_of_both_counts_and_each_is_known() -> None:
    first, second = Says(0.2, 0.6, 0.2), Says(0.8, 0.15, 0.05)
    heard = VerifiedScorer(first, second, [0, 1], bar=0.6).score(FEATURES)
    assert heard.posteriors == pytest.approx(np.array([0.4, 0.3, 0.1]) / 0.8)
    assert heard.posteriors.dtype == np.float32
    assert heard.opinions == (first.heard.posteriors, second.heard.posteriors)


def test_two_networks_that_are_sure_of_different_labels_agree_on_none() -> None:
    heard = VerifiedScorer(Says(1.0, 0.0, 0.0), Says(0.0, 1.0, 0.0), [0, 1], bar=0.5).score(FEATURES)
    assert heard.posteriors == pytest.approx(np.full(3, 1 / 3))


def test_in_a_stream_the_second_is_asked_at_every_other_hop_and_its_answer_counts_for_both() -> None:
    first, second = Says(0.5, 0.25, 0.25), Says(0.5, 0.25, 0.25)
    scorer = VerifiedScorer(first, second, [0, 1], bar=0.5)
    heard = [scorer.score(FEATURES, follows=i > 0) for i in range(5)]
    assert len(second.shown) == 3
    assert all(len(one.opinions) == 2 for one in heard)


def test_once_the_second_is_sure_of_a_word_it_is_not_asked_again_until_the_first_hears_another() -> None:
    first, second = Says(0.75, 0.0, 0.25), Says(0.95, 0.0, 0.05)
    scorer = VerifiedScorer(first, second, [0, 1], bar=0.5)
    for i in range(6):
        assert len(scorer.score(FEATURES, follows=i > 0).opinions) == 2
    assert len(second.shown) == 1
    first.heard = Heard(np.array([0.0, 0.75, 0.25], np.float32))
    scorer.score(FEATURES, follows=True)
    assert len(second.shown) == 2


@pytest.mark.parametrize("between", ["a gap", "a hop without a word"])
def test_an_answer_counts_for_no_other_sound(between: str) -> None:
    first, second = Says(0.5, 0.25, 0.25), Says(0.5, 0.25, 0.25)
    scorer = VerifiedScorer(first, second, [0, 1], bar=0.5)
    scorer.score(FEATURES)
    if between == "a hop without a word":
        word, first.heard = first.heard, Heard(np.array([0.0, 0.0, 1.0], np.float32))
        scorer.score(FEATURES, follows=True)
        first.heard = word
    scorer.score(FEATURES, follows=between != "a gap")
    assert len(second.shown) == 2


def test_both_see_the_same_features_which_are_computed_once() -> None:
    first, second = Says(0.5, 0.25, 0.25), Says(0.5, 0.25, 0.25)
    VerifiedScorer(first, second, [0, 1], bar=0.5).score(FEATURES)
    assert first.shown[0] is second.shown[0] is FEATURES


@pytest.mark.parametrize("posteriors", [(0.49, 0.01, 0.5), (0.0, 0.0, 1.0)], ids=["below the bar", "no word"])
def test_where_the_first_hears_no_word_the_second_is_not_asked(posteriors: tuple[float, ...]) -> None:
    first, second = Says(*posteriors), Says(1.0, 0.0, 0.0)
    assert VerifiedScorer(first, second, [0, 1], bar=0.5).score(FEATURES) is first.heard
    assert second.shown == []


def test_with_a_bar_of_0_the_second_is_always_asked() -> None:
    second = Says(1.0, 0.0, 0.0)
    VerifiedScorer(Says(0.0, 0.0, 1.0), second, [0, 1], bar=0.0).score(FEATURES)
    assert len(second.shown) == 1


# Of a model folder.


def joined(first: Posteriors, second: Posteriors) -> Posteriors:
    """Their geometric mean."""
    product = np.sqrt(np.maximum(first * second, LEAST))
    return np.asarray(product / product.sum())


def network(model: Model, name: str) -> LiteRtScorer:
    return LiteRtScorer((model.folder / name).read_bytes(), model.card)


def test_a_folder_without_a_verifier_gives_what_its_network_gives_bit_for_bit(demo_audio: Samples) -> None:
    model = load_model("commands-12-small")
    assert VERIFIER_NAME not in model.card.files
    alone, scorer = network(model, LITERT_NAME), model.scorer()
    for start in range(0, 60_000, 4000):
        features = model.extractor.mfcc(demo_audio[start : start + 16_000])
        heard = scorer.score(features)
        np.testing.assert_array_equal(heard.posteriors, alone.score(features).posteriors)
        assert heard.opinions == ()


def test_a_folder_with_a_verifier_asks_it_in_streams_and_in_single_windows(
    verified_model: Model, demo_audio: Samples
) -> None:
    settings = make_settings(verified_model)
    pipeline = make_pipeline(verified_model, settings)
    hops = [step.verdict.hop for step in run(pipeline, ArraySource(demo_audio, 22_050)) if step.verdict is not None]
    asked = [hop for hop in hops if hop.opinions]
    for hop in asked:
        np.testing.assert_array_equal(hop.posteriors, joined(*hop.opinions))
        assert hop.opinions[0][:10].max() >= verified_model.card.verifier_bar
    scored = [hop for hop in hops if hop.posteriors is not None]
    assert pipeline.counts.hops_scored_twice == len(asked)
    assert 0 < len(asked) < len(scored) == pipeline.counts.hops_scored
    first, second = (network(verified_model, name) for name in (LITERT_NAME, VERIFIER_NAME))
    samples = read_mono(DEMO, SPEECH_RATE_HZ)
    for start in range(0, len(samples) - SPEECH_RATE_HZ, 1_600):  # until the first network scores a word
        window = samples[start : start + SPEECH_RATE_HZ]
        features = verified_model.extractor.mfcc(window)
        one = first.score(features).posteriors
        if is_asked := bool(one[:10].max() >= verified_model.card.verifier_bar):
            break
    assert is_asked
    found = verified_model.posteriors(verified_model.stream_scorer(HOP_SECONDS), window)
    np.testing.assert_array_equal(found, joined(one, second.score(features).posteriors))


def test_the_hash_of_the_networks_tells_with_and_without_a_verifier_and_each_bar_apart(
    verified_model: Model, commands_model: Model
) -> None:
    cards = [commands_model.card, verified_model.card, replace(verified_model.card, verifier_bar=0.5)]
    assert len({card.network_sha256 for card in cards}) == 3
    without = load_model("commands-12-small").card
    assert without.network_sha256 == without.files[LITERT_NAME]


def test_a_verifier_that_is_not_the_one_the_card_describes_is_refused(verified_model: Model, tmp_path: Path) -> None:
    copy = shutil.copytree(verified_model.folder, tmp_path / "copy")
    assert load_model(copy).card == verified_model.card
    shutil.copy(copy / LITERT_NAME, copy / VERIFIER_NAME)
    with pytest.raises(ModelError, match=f"{VERIFIER_NAME} is not the file the card describes"):
        load_model(copy)


# scripts/add_verifier.


def test_adding_a_verifier_copies_its_network_and_says_in_the_card_what_it_is(
    tmp_path: Path, commands_model: Model
) -> None:
    folder = shutil.copytree(commands_model.folder, tmp_path / "copy")
    small = load_model("commands-12-small")
    assert add_verifier.main([str(folder), str(small.folder), "--bar", "0.1"]) == 0
    card = load_model(folder).card
    assert (folder / VERIFIER_NAME).read_bytes() == (small.folder / LITERT_NAME).read_bytes()
    assert card.verifier_bar == 0.1
    assert card.figures["verifier"] == {"name": "commands-12-small", **small.card.figures}
    assert all(card.data.count(item) == 1 for item in (*commands_model.card.data, *small.card.data))


def test_a_verifier_with_other_labels_or_features_and_a_bar_that_is_no_posterior_are_refused_and_change_nothing(
    tmp_path: Path, commands_model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(commands_model.folder, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    small = shutil.copytree(load_model("commands-12-small").folder, tmp_path / "small")
    other = load_model(small).card
    write_card(small, replace(other, labels=(*other.labels[:-2], *other.labels[:-3:-1])))
    assert add_verifier.main([str(folder), str(small)]) == 1
    write_card(small, other)
    np.save(small / FILTERS_NAME, np.load(small / FILTERS_NAME) * 2)
    write_card(small, other)
    assert add_verifier.main([str(folder), str(small)]) == 1
    assert capsys.readouterr().err.count("differ in their labels or features") == 2
    assert add_verifier.main([str(folder), str(commands_model.folder), "--bar", "1.5"]) == 1
    assert "verifier_bar is 1.5" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
