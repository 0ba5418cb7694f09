"""Training where Keras runs on JAX, in half precision, as on an accelerator; in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from kws_live.model import load_model
from tests.training.small_archives import KEYWORDS, write_words

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed: pip install jax"),
]

RECIPE = """
name = "small"
description = "for a test"
architecture = "tc_resnet"
keywords = ["yes", "no"]
epochs = 8
batch_size = 16
learning_rate = 0.02
warmup_epochs = 1
average = 0.9
[options]
channels = [16, 24]
kernel = 5
[augmentation]
gain_db = [-3.0, 3.0]
snr_db = [10.0, 30.0]
"""
LOAD = """
import sys, keras, numpy as np
network = keras.saving.load_model(sys.argv[1], compile=False)
print(keras.backend.backend(), {layer.dtype_policy.name for layer in network.layers}, network.count_params())
"""


def test_training_on_jax_in_half_precision_ends_in_a_folder_in_float32(tmp_path: Path) -> None:
    write_words(tmp_path / "words")
    (tmp_path / "small.toml").write_text(RECIPE)
    command = [
        *(sys.executable, "-m", "kws_live", "train", "--recipe", "small.toml", "--features", "words"),
        *("--out", "small", "--precision", "mixed_bfloat16"),
    ]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the model is in small" in done.stdout
    assert "epoch   8" in done.stderr
    model = load_model(tmp_path / "small")
    assert model.card.keywords == KEYWORDS
    assert model.card.figures["validation"]["right"] > 0.8
    load = [sys.executable, "-c", LOAD, str(tmp_path / "small" / "model.keras")]
    seen = subprocess.run(load, env=environment, capture_output=True, text=True, check=True).stdout
    assert seen.startswith("jax {'float32'}"), seen
