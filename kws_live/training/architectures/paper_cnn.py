"""The original paper's convolutional network: three convolutions with pooling, on MFCC as an image.

The reference design is Conv2D 64 (3, 3), Conv2D 32 (3, 3), Conv2D 32 (2, 2), each with ReLU, batch normalisation and
max pooling with stride 2, then Dense 64, Dropout 0.3 and a softmax.
"""

import keras
from keras import layers


def build(picture: keras.KerasTensor, n_labels: int) -> keras.KerasTensor:
    """Build posteriors, shape (n_labels,), from a spectrogram, shape (n_frames, n_bands)."""
    x = layers.Reshape((*picture.shape[1:], 1))(picture)
    for filters, kernel, pool in ((64, 3, 3), (32, 3, 3), (32, 2, 2)):
        x = layers.Conv2D(filters, kernel, activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(pool, strides=2, padding="same")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    return layers.Dense(n_labels, activation="softmax", dtype="float32")(x)
