"""TC-ResNet: residual convolutions over time alone; the bands are the channels of the input.

References
----------
S. Choi et al., "Temporal convolution for real-time keyword spotting on mobile devices", Interspeech 2019.
"""

import keras
from keras import layers


def build(
    picture: keras.KerasTensor,
    n_labels: int,
    channels: tuple[int, ...] = (24, 36, 36, 48, 48, 72, 72),
    kernel: int = 9,
) -> keras.KerasTensor:
    """Build posteriors, shape (n_labels,), from a spectrogram, shape (n_frames, n_bands).

    The default is TC-ResNet14 at width 1.5; (24, 32, 48) after a first 16 is the paper's TC-ResNet8.
    """
    x = layers.Conv1D(channels[0], 3, padding="same", use_bias=False)(picture)
    for width in channels[1:]:
        # Time is halved whenever the width grows.
        stride = 1 if width == x.shape[-1] else 2
        skip = x
        if stride == 2:
            skip = layers.Conv1D(width, 1, strides=2, padding="same", use_bias=False)(x)
            skip = layers.ReLU()(layers.BatchNormalization()(skip))
        x = layers.Conv1D(width, kernel, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv1D(width, kernel, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(layers.Add()([x, skip]))
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(0.2)(x)
    return layers.Dense(n_labels, activation="softmax", dtype="float32")(x)
