"""A two-dimensional stem that finds local patterns at any place, then separable convolutions over time.

TC-ResNet and MatchboxNet treat the bands as channels: fast, but a voice half an octave higher is a new pattern for
them. Two cheap strided convolutions in time and frequency give the shift tolerance of two-dimensional networks; one
dense layer then folds bands into channels and everything after it runs along time at full CPU speed. Squeeze and
excitation lets each block see the whole window.

References
----------
Stem before temporal blocks: B. Kim et al., "Broadcasted residual learning", Interspeech 2021 (2-D features, 1-D
context). Blocks: S. Majumdar, B. Ginsburg, "MatchboxNet", Interspeech 2020. Squeeze and excitation: J. Hu, L. Shen,
G. Sun, "Squeeze-and-excitation networks", CVPR 2018.
"""

import keras
from keras import layers


def build(
    picture: keras.KerasTensor,
    n_labels: int,
    stem: tuple[int, int] = (8, 24),
    channels: int = 112,
    kernels: tuple[int, ...] = (9, 7, 9, 11),
    head: int = 160,
    dropout: float = 0.1,
    full_blocks: int = 1,
) -> keras.KerasTensor:
    """Build posteriors, shape (n_labels,), from a spectrogram, shape (n_frames, n_bands).

    Parameters
    ----------
    stem : channels of the two convolutions of the stem
    channels : width of the temporal blocks
    kernels : length of the depthwise convolutions of each block, in steps of 20 ms for the first ``full_blocks``, then
        of 40
    head : width of the last layer before pooling
    """
    x = layers.Reshape((*picture.shape[1:], 1))(picture)
    x = layers.Conv2D(stem[0], 5, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(stem[1], 3, strides=(1, 2), padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    x = _pointwise(x, channels)
    for block, kernel in enumerate(kernels):
        if block == full_blocks:
            x = layers.AveragePooling1D(2, padding="same")(x)
        skip = x
        x = layers.ReLU()(_separable(x, channels, kernel))
        x = layers.Dropout(dropout)(x)
        x = _separable(x, channels, kernel)
        x = layers.ReLU()(layers.Add()([_squeeze_excite(x), skip]))
    x = _pointwise(x, head)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    x = layers.Dropout(2 * dropout)(x)
    return layers.Dense(n_labels, activation="softmax", dtype="float32")(x)


def _pointwise(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(channels, 1, use_bias=False)(x)))


def _separable(x: keras.KerasTensor, channels: int, kernel: int) -> keras.KerasTensor:
    x = layers.DepthwiseConv1D(kernel, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(layers.Conv1D(channels, 1, use_bias=False)(x))


def _squeeze_excite(x: keras.KerasTensor) -> keras.KerasTensor:
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling1D(keepdims=True)(x)
    gate = layers.Dense(channels // 8, activation="relu")(gate)
    gate = layers.Dense(channels, activation="sigmoid")(gate)
    return layers.Multiply()([x, gate])
