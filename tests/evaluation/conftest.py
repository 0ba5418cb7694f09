"""Clips, noise and talk for the tests of streams."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.evaluation.make_stream import RATE_HZ
from tests.evaluation.tone_model import tone


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of tones in faint noise, a folder of noise, two spoken utterances."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)

    def write(name: str, samples: np.ndarray) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, samples, RATE_HZ)

    for word, label in (("yes", "yes"), ("no", "no"), ("_unknown_", "bed")):
        for i in range(3):
            noise = rng.normal(0, 1e-4, RATE_HZ).astype(np.float32)
            noise[4000:10400] += tone(word, level=0.05 * (i + 1))
            write(f"clips/{label}/{i}.wav", noise)
    write("clips/_silence_/0.wav", rng.normal(0, 0.1, RATE_HZ))
    write("noise/fan/0.wav", rng.normal(0, 0.1, 5 * RATE_HZ))
    write("noise/rain/0.wav", rng.normal(0, 0.01, 40 * RATE_HZ))
    for name in ("7-1-0", "7-1-1"):
        write(f"talk/{name}.wav", rng.normal(0, 0.1, 2 * RATE_HZ))
    (folder / "talk" / "7-1.trans.txt").write_text("7-1-0 HELLO THERE\n7-1-1 SAY YES NOW\n", encoding="utf-8")
    return folder
