"""Model folders: what is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ, Samples
from kws_live.detection import make_settings
from kws_live.errors import ModelError
from kws_live.model import FILTERS_NAME, Model, load_model
from kws_live.model.card import LITERT_NAME, ModelCard, write_card
from kws_live.model.folders import CARD_NAME, shipped_models
from kws_live.stream.resampling import Resampler


@pytest.fixture
def folder(commands_model: Model, tmp_path: Path) -> Path:
    """A copy of the shipped model that may be broken."""
    copy = tmp_path / "copy"
    shutil.copytree(commands_model.folder, copy)
    return copy


def change_card(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    card = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
    change(card)
    (folder / CARD_NAME).write_text(json.dumps(card), encoding="utf-8")


def demo_windows(audio: Samples) -> list[Samples]:
    resampler = Resampler(22_050, SPEECH_RATE_HZ)
    speech = np.concatenate((resampler.process(audio), resampler.finish()))
    return [speech[start : start + SPEECH_RATE_HZ] for start in range(0, speech.size - SPEECH_RATE_HZ, 4000)]


def test_the_default_model_is_shipped_with_its_ten_words(commands_model: Model) -> None:
    assert "commands-12" in shipped_models()
    assert set(commands_model.card.keywords) == {
        "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go",
    }  # fmt: skip
    assert {"_unknown_", "_silence_"} == set(commands_model.card.labels) - set(commands_model.card.keywords)


def test_posteriors_are_probabilities(commands_model: Model, demo_audio: Samples) -> None:
    score = commands_model.stream_scorer(HOP_SECONDS)
    for window in demo_windows(demo_audio)[:10]:
        posteriors = commands_model.posteriors(score, window)
        assert posteriors.shape == (len(commands_model.card.labels),)
        assert posteriors.dtype == np.float32
        assert posteriors.min() >= 0.0
        assert posteriors.sum() == pytest.approx(1.0, abs=1e-4)


def test_a_posterior_that_was_given_is_not_changed_by_the_next(commands_model: Model, demo_audio: Samples) -> None:
    score = commands_model.stream_scorer(HOP_SECONDS)
    first, second = demo_windows(demo_audio)[4:6]
    given = commands_model.posteriors(score, first)
    kept = given.copy()
    commands_model.posteriors(score, second)
    np.testing.assert_array_equal(given, kept)


@pytest.mark.slow
def test_the_shipped_filters_are_the_ones_the_card_describes(commands_model: Model) -> None:
    np.testing.assert_allclose(commands_model.extractor.mel_filters, commands_model.card.features.mel_filters())


def test_a_copy_of_a_model_loads_by_its_path(folder: Path) -> None:
    assert load_model(folder).card.name == load_model(str(folder)).card.name == "commands-12"


@pytest.mark.parametrize("name", ["commands-13", "", "a" * 300, "~no-such-user-here/m", "a\0b"])
def test_an_unknown_model_names_the_shipped_ones(name: str) -> None:
    with pytest.raises(ModelError, match=r"commands-12|no card\.json"):
        load_model(name)


def test_a_folder_without_a_card_is_no_model(folder: Path) -> None:
    (folder / CARD_NAME).unlink()
    with pytest.raises(ModelError, match=r"has no card\.json.*kws-live models"):
        load_model(folder)


@pytest.mark.parametrize("name", [LITERT_NAME, FILTERS_NAME])
def test_a_file_that_is_not_the_one_the_card_describes_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is not the file the card describes"):
        load_model(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_model(folder)


def set_to(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda card: card.update({key: value})


CARDS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (set_to("format", 2), "format 2; this version reads format 1"),
    (set_to("colour", "red"), "unknown keys: colour"),
    (lambda card: card.pop("labels"), "KeyError: 'labels'"),
    (set_to("labels", ["yes", "yes"]), "distinct"),
    (set_to("labels", []), "labels must be given"),
    (set_to("labels", 3), "TypeError"),
    (lambda card: card["labels"].pop(0), "keywords yes are not among its labels"),
    (lambda card: card["labels"].insert(0, "maybe"), "the network maps .* the card says"),
    (set_to("keywords", []), "every keyword needs a threshold"),
    (set_to("thresholds", {"yes": 0.5}), "every keyword needs a threshold"),
    (lambda card: card["thresholds"].update(yes=1.5), "above 0 and at most 1"),
    (lambda card: card["thresholds"].update(yes=float("nan")), "above 0 and at most 1"),
    (lambda card: card["thresholds"].update(yes="high"), "ValueError"),
    (set_to("thresholds", [1]), "AttributeError"),
    (lambda card: card["features"].update(sample_rate_hz=8000), "do not fit 8000 Hz|features at 8000 Hz"),
    (lambda card: card["features"].update(n_mfcc=13), "the network maps"),
    (lambda card: card["features"].update(floor="clmap"), "'clmap' must be"),
    (lambda card: card["features"].pop("n_fft"), "feature settings"),
    (set_to("features", "fast"), "feature settings|TypeError"),
    (set_to("files", {}), r"does not list model\.tflite under files"),
    (set_to("files", [LITERT_NAME, FILTERS_NAME]), "AttributeError"),
    (set_to("files", None), "cannot be used"),
    (lambda card: card["files"].update({"../evil": "0"}), "files must be in the model folder itself"),
    (lambda card: card["files"].update({LITERT_NAME: None}), "is not the file the card describes"),
    (set_to("data", [1]), "TypeError"),
    (set_to("verifier_bar", 1.5), "verifier_bar is 1.5; it must be 0 to 1"),
    (set_to("verifier_bar", float("nan")), "verifier_bar is nan"),
    (set_to("verifier_bar", "low"), "TypeError"),
]


@pytest.mark.parametrize(("change", "said"), CARDS, ids=range(len(CARDS)))
def test_a_card_that_cannot_be_used_says_why_in_one_line(
    folder: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    change_card(folder, change)
    with pytest.raises(ModelError, match=said) as caught:
        load_model(folder).scorer()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "not JSON", "[1]", "[" * 100_000, '{"format": 1', "\udcff"])
def test_a_card_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / CARD_NAME).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ModelError, match=r"card\.json"):
        load_model(folder)


def rehash(folder: Path) -> None:
    card = ModelCard.from_json((folder / CARD_NAME).read_text(encoding="utf-8"), "card")
    write_card(folder, card)


def test_a_network_that_is_none_is_refused_although_its_hash_is_right(folder: Path) -> None:
    (folder / LITERT_NAME).write_bytes(b"not a network" * 100)
    rehash(folder)
    with pytest.raises(ModelError, match="LiteRT cannot load the network"):
        load_model(folder).scorer()


@pytest.mark.parametrize(
    "bank", [np.zeros((40, 99), np.float32), np.zeros(3), np.array(["a"]), np.zeros((40, 257), complex), None]
)
def test_filters_that_are_none_are_refused_although_their_hash_is_right(folder: Path, bank: Any) -> None:
    if bank is None:
        (folder / FILTERS_NAME).write_bytes(b"x")
    else:
        np.save(folder / FILTERS_NAME, bank)
    rehash(folder)
    with pytest.raises(ModelError, match=r"mel filters|mel_filters\.npy"):
        load_model(folder).extractor  # noqa: B018  a property that reads the file


def test_filters_whose_header_claims_more_than_there_is_are_refused(folder: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}\n"
    (folder / FILTERS_NAME).write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    rehash(folder)
    with pytest.raises(ModelError, match=r"mel_filters\.npy: the header says"):
        load_model(folder).extractor  # noqa: B018  a property that reads the file


def test_a_card_survives_the_way_through_json(commands_model: Model) -> None:
    card = commands_model.card
    assert ModelCard.from_json(card.to_json(), "card") == card


def test_what_a_card_recommends_is_what_listening_begins_with(folder: Path) -> None:
    usual = make_settings(load_model(folder)).snapshot()
    change_card(folder, lambda card: card.update(settings={"evidence": 5.0, "gate_mode": 2}))
    assert make_settings(load_model(folder)).snapshot() == replace(usual, evidence=5.0, gate_mode=2) != usual


@pytest.mark.parametrize(("settings", "said"), [({"evidence": -1}, "evidence -1"), ({"odds": 1}, "'odds'")])
def test_a_card_that_recommends_what_cannot_be_is_refused(folder: Path, settings: dict[str, Any], said: str) -> None:
    change_card(folder, lambda card: card.update(settings=settings))
    with pytest.raises(ModelError, match=said):
        load_model(folder)
