"""Export of a trained network to a model folder.

Two LiteRT files are written: ``float32.tflite``, equivalent to Keras, and ``model.tflite``, which runs live. Its
convolutions, which take nearly all of the time, use 8-bit weights and activations: twice as fast on a laptop core.
Everything else stays float32, which is as fast and closer to Keras than 8 bits throughout. A network that loses
accuracy in 8 bits, such as the original paper's, whose input is not normalised, runs live in float32.
"""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from kws_live.audio import SILENCE, UNKNOWN
from kws_live.errors import ConfigError
from kws_live.model import FILTERS_NAME, KERAS_NAME
from kws_live.model.card import LITERT_NAME, ModelCard, write_card
from kws_live.model.features import Features, FeatureSettings
from kws_live.model.scorer import Posteriors
from kws_live.training.dataset import FeatureArchive

FLOAT_NAME = "float32.tflite"

IN_FLOAT: Final = (
    "ADD",
    "CONCATENATION",
    "FULLY_CONNECTED",
    "LOGISTIC",
    "MAX_POOL_2D",
    "MEAN",
    "MUL",
    "REDUCE_MAX",
    "SOFTMAX",
)
"""LiteRT operations that stay float32."""

SPEECH_COMMANDS: Mapping[str, str] = {
    "name": "Speech Commands v0.02 and v0.01",
    "licence": "CC BY 4.0",
    "address": "https://arxiv.org/abs/1804.03209",
}

LEAST_AGREEMENT: Final = 0.98
"""Minimum agreement of predictions in 8 bits with those in float32; below it a network runs live in float32."""

RANGE_WINDOWS_EACH: Final = 80
"""Windows per archive."""

USUAL_THRESHOLD: Final = 0.65
"""Chosen on talk and streams of training and validation speakers: below it, more than two false accepts per hour."""


def export_model(
    network: keras.Model,
    folder: Path,
    name: str,
    description: str,
    keywords: Sequence[str],
    settings: FeatureSettings,
    sample: Features,
    thresholds: Mapping[str, float] | None = None,
    data: Sequence[Mapping[str, str]] = (),
    figures: Mapping[str, Any] | None = None,
    rejected: Sequence[str] = (UNKNOWN, SILENCE),
) -> ModelCard:
    """Write a model folder.

    Parameters
    ----------
    network : maps MFCC to posteriors of the keywords, then of ``rejected``
    folder : Path
        The folder to write; existing files are replaced.
    name, description, data, figures : for the card
    keywords : the labels that can fire
    settings : the front end
    sample : float32 array, shape (n, n_frames, n_mfcc)
        A few hundred training windows, to determine the ranges of the 8-bit activations.
    thresholds : one for each keyword; default: `USUAL_THRESHOLD`
    rejected : the labels after the keywords, which never fire

    Returns
    -------
    ModelCard
        As written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Saved without the optimizer, whose state would be two thirds of the file.
    keras.Model(network.input, network.output, name=name).save(folder / KERAS_NAME)
    exact, small = to_litert(network, sample)
    answers = [litert_posteriors(content, sample).argmax(axis=1) for content in (exact, small)]
    agreement = float((answers[0] == answers[1]).mean())
    (folder / FLOAT_NAME).write_bytes(exact)
    (folder / LITERT_NAME).write_bytes(small if agreement >= LEAST_AGREEMENT else exact)
    np.save(folder / FILTERS_NAME, settings.mel_filters())
    card = ModelCard(
        name=name,
        description=description,
        licence="Apache-2.0",
        labels=(*keywords, *rejected),
        keywords=tuple(keywords),
        features=settings,
        thresholds=dict(thresholds or dict.fromkeys(keywords, USUAL_THRESHOLD)),
        data=tuple(data),
        figures=dict(figures or {}),
        files=dict.fromkeys((LITERT_NAME, FLOAT_NAME, KERAS_NAME, FILTERS_NAME), ""),
    )
    return write_card(folder, card)


def range_windows(archives: Sequence[FeatureArchive]) -> Features:
    """Return MFCC of training windows of every kind, to determine the ranges of 8-bit activations."""
    archives = [archive for archive in archives if len(archive.rows("train"))]
    rows = [archive.rows("train") for archive in archives]
    each = [some[np.linspace(0, len(some) - 1, RANGE_WINDOWS_EACH).astype(np.intp)] for some in rows]
    return np.concatenate([archive.mfcc(some) for archive, some in zip(archives, each, strict=True)])


def to_litert(network: keras.Model, sample: Features) -> tuple[bytes, bytes]:
    """Convert to LiteRT, in float32 and with convolutions in 8 bits, with the ranges of the ``sample`` windows.

    Input and output are float32 in both cases. Requires TensorFlow.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ConfigError(
            'exporting needs tensorflow: pip install "kws-live[train]"; then run the same command again, '
            "the training is kept"
        ) from error

    def representative() -> Iterator[list[Features]]:
        for window in sample:
            yield [window[np.newaxis]]

    one_window = tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name="mfcc")
    # The converter warns about ranges that it is about to measure, and the debugger used to exclude operations prints
    # a deprecation warning.
    with tempfile.TemporaryDirectory() as saved, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        warnings.filterwarnings("ignore", message=r"(?s).*tf.lite.Interpreter is deprecated")
        network.export(saved, input_signature=[one_window], verbose=False)
        exact = tf.lite.TFLiteConverter.from_saved_model(saved).convert()
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(IN_FLOAT))
        quantiser = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=representative, debug_options=options
        )
        return bytes(exact), bytes(quantiser.get_nondebug_quantized_model())


def litert_posteriors(content: bytes, mfcc: Features) -> Posteriors:
    """Return a LiteRT network's posteriors of many windows, shape (n, n_labels), computed one at a time as live."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    rows = []
    for window in mfcc:
        interpreter.set_tensor(entry, window[np.newaxis])
        interpreter.invoke()
        rows.append(np.array(interpreter.get_tensor(result))[0])
    return np.asarray(rows, dtype=np.float32)
