"""The networks, one file each. A builder maps the normalised log-mel spectrogram to posteriors.

Every network takes MFCC, shape (n_frames, n_mfcc), because the live path computes MFCC. If all
coefficients are kept, the cosine transform is invertible, so its fixed inverse is the first layer and two-dimensional
networks get the spectrogram that they need; with fewer coefficients they get the MFCC.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import keras
import numpy as np
from keras import layers

from kws_live.errors import ConfigError
from kws_live.model.features import FeatureSettings, dct_matrix
from kws_live.training.architectures import paper_cnn, resnet, stem_tcn, tc_resnet

Builder = Callable[..., keras.KerasTensor]

ARCHITECTURES: Final[Mapping[str, Builder]] = {
    "paper_cnn": paper_cnn.build,
    "tc_resnet": tc_resnet.build,
    "stem_tcn": stem_tcn.build,
    "resnet": resnet.build,
}
"""name -> builder(picture, n_labels, **options) -> posteriors, in float32 whatever the precision of the rest."""

MEAN_DB: Final = -20.0
SCALE_DB: Final = 20.0
"""Mean and spread of log-mel power over Speech Commands, rounded; microphone speech is within two of the latter."""


def build_network(
    architecture: str, settings: FeatureSettings, n_labels: int, options: Mapping[str, Any] | None = None
) -> keras.Model:
    """Build an untrained network from MFCC to posteriors.

    Parameters
    ----------
    architecture : one of `ARCHITECTURES`
    settings : the front end
    n_labels : outputs
    options : keyword arguments of the architecture's ``build``

    Raises
    ------
    ConfigError
        If there is no such architecture or option.
    """
    if architecture not in ARCHITECTURES:
        raise ConfigError(f"no architecture {architecture!r}; choose from: {', '.join(ARCHITECTURES)}")
    mfcc = keras.Input((settings.n_frames, settings.n_mfcc), name="mfcc")
    picture = mfcc if settings.n_mfcc < settings.n_mels else _picture(mfcc, settings.n_mels)
    try:
        posteriors = ARCHITECTURES[architecture](picture, n_labels, **dict(options or {}))
    except TypeError as error:
        raise ConfigError(f"architecture {architecture!r} has no such option: {error}") from error
    return keras.Model(mfcc, posteriors, name=architecture)


def _picture(mfcc: keras.KerasTensor, n_mels: int) -> keras.KerasTensor:
    """Undo the cosine transform and normalise: fixed weights."""
    matrix = dct_matrix(n_mels, n_mels) / SCALE_DB
    # LiteRT quantises larger constant matrices to 8 bits; the level in coefficient 0 would swamp the others.
    n_parts = -(-n_mels * n_mels // 1000)
    parts = [
        layers.Dense(
            columns.shape[1],
            kernel_initializer=keras.initializers.Constant(columns),
            bias_initializer=keras.initializers.Constant(-MEAN_DB / SCALE_DB),
            trainable=False,
            dtype="float32",  # coefficient 0 is hundreds of dB, which half precision rounds to whole ones
            name=f"undo_dct_{i}",
        )(mfcc)
        for i, columns in enumerate(np.array_split(matrix, n_parts, axis=1))
    ]
    return layers.Concatenate(name="picture")(parts)
