"""Recipes: what TOML may say."""

from dataclasses import replace
from pathlib import Path

import pytest

from kws_live.errors import ConfigError
from kws_live.training.recipe import load_recipe, shipped_recipes

GOOD = 'name = "x"\ndescription = "y"\narchitecture = "tc_resnet"\nkeywords = ["yes", "no"]\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_every_shipped_recipe_loads_and_is_named_after_its_file() -> None:
    assert shipped_recipes() == ["commands-12", "commands-12-small", "commands-12-verifier"]
    for name in shipped_recipes():
        assert load_recipe(name).name == name


def test_a_recipe_file_says_what_the_recipe_is(tmp_path: Path) -> None:
    text = GOOD + "epochs = 7\n[options]\nchannels = [8, 12]\n[augmentation]\ntempo = [0.9, 1.1]\n"
    recipe = load_recipe(write(tmp_path, text))
    assert recipe.keywords == ("yes", "no")
    assert recipe.epochs == 7
    assert recipe.options == {"channels": (8, 12)}
    assert recipe.augmentation.tempo == (0.9, 1.1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "epoch = 7\n", "unexpected keyword argument 'epoch'.*its keys are: name"),
        (GOOD.replace('name = "x"\n', ""), "missing 1 required"),
        (GOOD + "[augmentation]\nnoise = 1\n", "unexpected keyword argument 'noise'"),
        (GOOD + "epochs = 0\n", "epochs 0 must be"),
        (GOOD + "batch_size = 1\n", "batch_size 1 must be"),
        (GOOD.replace('"no"', '"yes"'), "keywords must be given and distinct"),
        (GOOD + "average = 1.0\n", "average must be"),
        ("name = ", "is not TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_reason(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_recipe(write(tmp_path, text))


def test_an_unknown_name_lists_the_shipped_recipes() -> None:
    with pytest.raises(ConfigError, match="no recipe 'nothing'; choose from: commands-12"):
        load_recipe("nothing")


def test_only_what_decides_the_weights_is_in_the_fingerprint() -> None:
    recipe = load_recipe("commands-12")
    assert replace(recipe, name="x", description="y", notes="z", data=()).fingerprint() == recipe.fingerprint()
    assert replace(recipe, seed=77).fingerprint() != recipe.fingerprint()
