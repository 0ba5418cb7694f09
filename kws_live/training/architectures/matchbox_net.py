"""MatchboxNet: residual blocks of time-channel separable convolutions.

References
----------
S. Majumdar, B. Ginsburg, "MatchboxNet: 1D time-channel separable convolutional neural network architecture for
speech commands recognition", Interspeech 2020.
"""

import keras
from keras import layers


def build(
    picture: keras.KerasTensor, n_labels: int, blocks: int = 3, repeats: int = 2, channels: int = 64
) -> keras.KerasTensor:
    """Posteriors, shape (n_labels,), from a picture, shape (n_frames, n_bands). The default is MatchboxNet-3x2x64."""
    x = _separable(picture, 2 * channels, 11, strides=2)
    x = layers.ReLU()(x)
    for block in range(blocks):
        skip = layers.BatchNormalization()(layers.Conv1D(channels, 1, use_bias=False)(x))
        for repeat in range(repeats):
            x = _separable(x, channels, 13 + 2 * block)
            if repeat == repeats - 1:
                x = layers.Add()([x, skip])
            x = layers.Dropout(0.1)(layers.ReLU()(x))
    x = layers.ReLU()(_separable(x, 2 * channels, 29, dilation=2))
    x = layers.Conv1D(2 * channels, 1, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling1D()(x)
    return layers.Dense(n_labels, activation="softmax")(x)


def _separable(
    x: keras.KerasTensor, channels: int, kernel: int, strides: int = 1, dilation: int = 1
) -> keras.KerasTensor:
    x = layers.DepthwiseConv1D(kernel, strides=strides, dilation_rate=dilation, padding="same", use_bias=False)(x)
    x = layers.Conv1D(channels, 1, use_bias=False)(x)
    return layers.BatchNormalization()(x)
