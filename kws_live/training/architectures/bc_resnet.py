"""BC-ResNet: two-dimensional features, temporal convolutions on their mean over the bands, broadcast back.

References
----------
B. Kim, S. Chang, J. Lee, D. Sung, "Broadcasted residual learning for efficient keyword spotting", Interspeech 2021.
"""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("kws_live")
class SubSpectralNormalization(layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Batch normalisation of each fifth of the bands by itself (S. Chang et al., ICASSP 2021).

    Input and output have the shape (n_frames, n_bands, channels); ``groups`` divides ``n_bands``.
    """

    def __init__(self, groups: int = 5, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.normalise = layers.BatchNormalization()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.normalise.build((None, None, None, self.groups * int(input_shape[3] or 0)))

    def call(self, x: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        _, frames, bands, channels = x.shape
        x = ops.reshape(x, (-1, frames, self.groups, bands // self.groups, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4))
        x = ops.reshape(x, (-1, frames, bands // self.groups, self.groups * channels))
        x = self.normalise(x, training=training)
        x = ops.reshape(x, (-1, frames, bands // self.groups, self.groups, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4)), (-1, frames, bands, channels))

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "groups": self.groups}


def build(picture: keras.KerasTensor, n_labels: int, tau: float = 1.0) -> keras.KerasTensor:
    """Posteriors, shape (n_labels,), from a picture, shape (n_frames, n_bands); ``tau`` scales the width."""
    c = int(8 * tau)
    x = layers.Reshape((*picture.shape[1:], 1))(picture)
    x = layers.Conv2D(2 * c, 5, strides=(1, 2), padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    stages = ((c, 2, 1, 1), (int(1.5 * c), 2, 2, 2), (2 * c, 4, 2, 4), (int(2.5 * c), 4, 1, 8))
    for width, repeats, band_stride, dilation in stages:
        for i in range(repeats):
            x = _block(x, width, band_stride if i == 0 else 1, dilation, transition=i == 0)
    x = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(int(2.5 * c), 1, use_bias=False)(x)))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4 * c, 1, use_bias=False)(x)))
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(n_labels, activation="softmax")(x)


def _block(x: keras.KerasTensor, width: int, band_stride: int, dilation: int, transition: bool) -> keras.KerasTensor:
    skip = x
    if transition:
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(x)))
    # Keras wants equal strides of a depthwise convolution, so the bands are thinned by pooling instead.
    if band_stride > 1:
        x = layers.AveragePooling2D((1, band_stride))(x)
    x = layers.DepthwiseConv2D((1, 3), padding="same", use_bias=False)(x)
    x = SubSpectralNormalization()(x)
    two_dimensional = x
    x = ops.mean(x, axis=2, keepdims=True)
    x = layers.DepthwiseConv2D((3, 1), padding="same", dilation_rate=(dilation, 1), use_bias=False)(x)
    x = layers.Activation("swish")(layers.BatchNormalization()(x))
    x = layers.SpatialDropout2D(0.1)(layers.Conv2D(width, 1, use_bias=False)(x))
    x = two_dimensional + x  # broadcast over the bands
    return layers.ReLU()(x if transition else layers.Add()([x, skip]))
