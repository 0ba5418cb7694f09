"""Begin with a trained model although the words are others: its trunk, and the outputs of the words both have."""

from pathlib import Path

import keras
import numpy as np

from kws_live.audio import SILENCE, UNKNOWN
from kws_live.errors import ConfigError
from kws_live.model import KERAS_NAME, load_model
from kws_live.model.features import FeatureSettings
from kws_live.training.architectures import build_network
from kws_live.training.recipe import Recipe


def network_from(start: str | Path, recipe: Recipe, settings: FeatureSettings) -> keras.Model:
    """A network for a recipe's words that begins as a trained one.

    Parameters
    ----------
    start : name or folder of the model
    recipe : its architecture and options must be the model's
    settings : the front end of the features it is to be trained on

    Returns
    -------
    keras.Model
        Every layer as in the model but the last; there, words that the model knows keep their weights.

    Raises
    ------
    ConfigError
        If the networks or their front ends differ.
    """
    model = load_model(start)
    if model.card.features != settings:
        raise ConfigError(f"model {model.card.name!r} has another front end than the features; prepare them alike")
    trained = keras.models.load_model(model.folder / KERAS_NAME, compile=False)
    labels = (*recipe.keywords, UNKNOWN, SILENCE)
    network = build_network(recipe.architecture, settings, len(labels), recipe.options)
    theirs, ours = trained.get_weights(), network.get_weights()
    if [w.shape for w in theirs[:-2]] != [w.shape for w in ours[:-2]]:
        raise ConfigError(
            f"model {model.card.name!r} has another network than recipe {recipe.name!r}; "
            "use the architecture and [options] it was trained with (its report.md names them)"
        )
    own = list(model.card.labels[: theirs[-1].size])  # taught words come after the network's own labels
    kernel, bias = ours[-2:]
    for column, label in enumerate(labels):
        if label in own:
            kernel[:, column] = theirs[-2][:, own.index(label)]
            bias[column] = theirs[-1][own.index(label)]
    network.set_weights([*theirs[:-2], np.asarray(kernel), np.asarray(bias)])
    return network
