"""Initialisation from a trained model with other words: its trunk, and the outputs of the words that both have."""

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
    """Return a network for a recipe's words, initialised from a trained one.

    Parameters
    ----------
    start : name or folder of the model
    recipe : its architecture and options must be the model's
    settings : the front end of the training features

    Returns
    -------
    keras.Model
        All layers but the last are copied from the model; in the last, words known to the model keep their weights.

    Raises
    ------
    ConfigError
        If the networks or their front ends differ.
    """
    model = load_model(start)
    if model.card.features != settings:
        raise ConfigError(f"model {model.card.name!r} has a different front end from the features; both must match")
    trained = keras.models.load_model(model.folder / KERAS_NAME, compile=False)
    labels = (*recipe.keywords, UNKNOWN, SILENCE)
    network = build_network(recipe.architecture, settings, len(labels), recipe.options)
    theirs, ours = trained.get_weights(), network.get_weights()
    if [w.shape for w in theirs[:-2]] != [w.shape for w in ours[:-2]]:
        raise ConfigError(
            f"model {model.card.name!r} has a different network from recipe {recipe.name!r}; "
            "use the architecture and [options] it was trained with, as given in its report.md"
        )
    own = list(model.card.labels[: theirs[-1].size])  # taught words come after the network's own labels
    kernel, bias = ours[-2:]
    for column, label in enumerate(labels):
        if label in own:
            kernel[:, column] = theirs[-2][:, own.index(label)]
            bias[column] = theirs[-1][own.index(label)]
    network.set_weights([*theirs[:-2], np.asarray(kernel), np.asarray(bias)])
    return network
