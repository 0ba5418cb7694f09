"""DS-CNN: a convolution, then depthwise separable convolutions in two dimensions.

References
----------
Y. Zhang, N. Suda, L. Lai, V. Chandra, "Hello edge: keyword spotting on microcontrollers", arXiv:1711.07128, 2017.
"""

import keras
from keras import layers


def build(picture: keras.KerasTensor, n_labels: int, filters: int = 64, blocks: int = 4) -> keras.KerasTensor:
    """Posteriors, shape (n_labels,), from a picture, shape (n_frames, n_bands)."""
    x = layers.Reshape((*picture.shape[1:], 1))(picture)
    x = layers.Conv2D(filters, (10, 4), strides=(2, 2), padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(x)
    for _ in range(blocks):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(n_labels, activation="softmax")(x)
