"""A two-dimensional residual network with squeeze and excitation: large, and unlike the temporal networks.

The kernels are small and the same everywhere in the spectrogram, so the band is given to them as a
second channel; otherwise a vowel's resonance and its third harmonic look alike.

References
----------
Residual blocks: K. He et al., "Deep residual learning for image recognition", CVPR 2016. Squeeze and excitation:
J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation networks", CVPR 2018. A channel for the place: R. Liu et al., "An
intriguing failing of convolutional neural networks and the CoordConv solution", NeurIPS 2018. Dropout of whole
channels: J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
"""

from typing import Final

import keras
from keras import layers, ops

SQUEEZE: Final = 8
"""Ratio of a block's channels to those of its gate."""


@keras.saving.register_keras_serializable("kws_live")
class BandPlace(layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Adds a channel with the position of each point in the spectrum: -1 in the lowest band, 1 in the highest.

    From shape (n_frames, n_bands, channels) to (n_frames, n_bands, channels + 1).
    """

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        place = ops.linspace(-1.0, 1.0, x.shape[2], dtype=x.dtype)[:, None]
        return ops.concatenate([x, ops.zeros_like(x[..., :1]) + place], axis=-1)


def build(
    picture: keras.KerasTensor,
    n_labels: int,
    stem: int = 32,
    widths: tuple[int, ...] = (64, 128, 256),
    blocks: tuple[int, ...] = (2, 2, 2),
    dropout: float = 0.2,
    block_dropout: float = 0.0,
) -> keras.KerasTensor:
    """Build posteriors, shape (n_labels,), from a spectrogram, shape (n_frames, n_bands).

    Parameters
    ----------
    stem : channels of the first convolution
    widths, blocks : channels and number of blocks per stage; a stage halves both dimensions of the spectrogram
    dropout : before the last layer
    block_dropout : of whole channels, between a block's two convolutions
    """
    x = BandPlace()(layers.Reshape((*picture.shape[1:], 1))(picture))
    x = layers.ReLU()(_normalised(x, stem, 3))
    for width, n_blocks in zip(widths, blocks, strict=True):
        for block in range(n_blocks):
            x = _block(x, width, 2 if block == 0 else 1, block_dropout)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return layers.Dense(n_labels, activation="softmax", dtype="float32")(layers.Dropout(dropout)(x))


def _normalised(x: keras.KerasTensor, width: int, kernel: int, stride: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _block(skip: keras.KerasTensor, width: int, stride: int, dropout: float) -> keras.KerasTensor:
    x = layers.ReLU()(_normalised(skip, width, 3, stride))
    x = _gated(_normalised(layers.SpatialDropout2D(dropout)(x), width, 3))
    if stride > 1 or skip.shape[-1] != width:
        skip = _normalised(skip, width, 1, stride)
    return layers.ReLU()(layers.Add()([x, skip]))


def _gated(x: keras.KerasTensor) -> keras.KerasTensor:
    """Multiply each channel by a gate between 0 and 1 computed from all channels."""
    gate = layers.GlobalAveragePooling2D()(x)
    gate = layers.Dense(x.shape[-1] // SQUEEZE, activation="relu")(gate)
    gate = layers.Dense(x.shape[-1], activation="sigmoid")(gate)
    return layers.Multiply()([x, layers.Reshape((1, 1, x.shape[-1]))(gate)])
