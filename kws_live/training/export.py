"""From a trained network to a model folder that the live path opens.

Three LiteRT files are written: ``float32.tflite`` equal to Keras, ``int8.tflite`` with 8-bit weights and
activations, and ``model.tflite``, the one that runs live: 8-bit weights, float32 activations (dynamic range).
It is a quarter of the size, and on a laptop's core no other is faster for one window.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from kws_live.errors import ConfigError
from kws_live.features import Features, FeatureSettings
from kws_live.model import FILTERS_NAME, KERAS_NAME, LITERT_NAME, SILENCE, UNKNOWN, ModelCard, Posteriors, write_card

FLOAT_NAME = "float32.tflite"
INT8_NAME = "int8.tflite"

SPEECH_COMMANDS: Mapping[str, str] = {
    "name": "Speech Commands v0.02 and v0.01",
    "licence": "CC BY 4.0",
    "address": "https://arxiv.org/abs/1804.03209",
}

USUAL_THRESHOLD: Final = 0.65
"""Chosen on talk and streams of the training and validation speakers: below it talk fires more than twice an hour."""


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
    network : from MFCC to posteriors of the keywords, then of ``rejected``
    folder : Path
        Where to write; files of the same names are replaced.
    name, description, data, figures : for the card
    keywords : the labels that may fire
    settings : the front end
    sample : float32 array, shape (n, n_frames, n_mfcc)
        Some hundred training windows, from which the 8-bit activations take their ranges.
    thresholds : one for each keyword; `USUAL_THRESHOLD` where none are given
    rejected : the labels after the keywords, which never fire

    Returns
    -------
    ModelCard
        As written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A model without its optimizer, whose state would be two thirds of the file.
    keras.Model(network.input, network.output, name=name).save(folder / KERAS_NAME)
    (folder / FLOAT_NAME).write_bytes(to_litert(network))
    (folder / LITERT_NAME).write_bytes(to_litert(network, quantise=True))
    (folder / INT8_NAME).write_bytes(to_litert(network, quantise=True, sample=sample))
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
        files=dict.fromkeys((LITERT_NAME, FLOAT_NAME, INT8_NAME, KERAS_NAME, FILTERS_NAME), ""),
    )
    return write_card(folder, card)


def to_litert(network: keras.Model, quantise: bool = False, sample: Features | None = None) -> bytes:
    """Convert to LiteRT: float32, or 8-bit weights, or with ``sample`` also 8-bit activations. Needs TensorFlow.

    Input and output stay float32, so that all three are used alike.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ConfigError(
            'exporting needs tensorflow: pip install "kws-live[train]"; then give the same command again, '
            "what was trained is kept"
        ) from error

    one_window = keras.Input(batch_shape=(1, *network.input_shape[1:]), name="mfcc")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(one_window, network(one_window)))
    if quantise:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if sample is not None:
        windows = sample

        def representative() -> Iterator[list[Features]]:
            for window in windows:
                yield [window[np.newaxis]]

        converter.representative_dataset = representative
    # Keras prints the signature of what it saves on the way; the converter asks for the ranges it is about to measure.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def litert_posteriors(content: bytes, mfcc: Features) -> Posteriors:
    """Posteriors of many windows by a LiteRT network, shape (n, n_labels), one window at a time as live."""
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
