"""Google's speech embedding, used for taught words: 96 numbers every 80 ms that represent what is said.

Each embedding is computed from 76 frames of 32 bands, 0.77 s. The network keeps the state of earlier frames, so a step
of eight frames computes only what is new. Its bands come from the same spectrum as the model's own features.
The weights are Google's, standardised: on talk, each of the 96 numbers has a mean of 0 and a standard deviation of 1.

References
----------
J. Lin, K. Kilgour, D. Roblek, M. Sharifi, "Training Keyword Spotters with Limited and Synthesized Speech Data",
ICASSP 2020, https://arxiv.org/abs/2002.01322; weights: https://tfhub.dev/google/speech_embedding/1 (Apache-2.0).
"""

import math
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.errors import ModelError
from kws_live.model.features import Features, FeatureSettings
from kws_live.model.folders import first_line
from kws_live.system.native_output import quiet_stderr

EMBEDDING_NAME: Final = "embedding.tflite"
EMBEDDING_SIZE: Final = 96
N_BANDS: Final = 32
STEP_FRAMES: Final = 8
SEEN_FRAMES: Final = 76
"""Number of 10 ms frames behind one embedding."""

LOWEST_HZ, HIGHEST_HZ = 60.0, 3800.0
FRAME_SAMPLES: Final = 400
"""Frame length of the original front end, at 16 kHz; its other numbers equal the settings that `fits` allows."""

FLOOR: Final = 1e-3
"""Added to the magnitudes."""

_WARM_UP_STEPS: Final = 9
"""Steps before the first embedding that depends on no earlier frames."""

_LEAD_FRAMES: Final = (_WARM_UP_STEPS + 1) * STEP_FRAMES - SEEN_FRAMES
"""Frames of the first step on which no embedding depends."""


def fits(settings: FeatureSettings) -> bool:
    """Whether the bands can be computed from the spectrum of these features."""
    return (
        (settings.sample_rate_hz, settings.n_fft, settings.hop_samples) == (16_000, 512, 160)
        and not settings.centered
        and settings.fmax_hz >= HIGHEST_HZ
    )


@cache
def band_filters(n_fft: int, sample_rate_hz: int) -> NDArray[np.float32]:
    """Return the triangular filters of the original front end, shape (1 + n_fft // 2, N_BANDS).

    They are evenly spaced on the mel scale 1127 ln(1 + f / 700), with peaks of 1.
    """
    hz = np.arange(1 + n_fft // 2) * sample_rate_hz / n_fft
    mels = 1127 * np.log1p(hz / 700)[:, np.newaxis]
    low, high = (1127 * math.log1p(edge / 700) for edge in (LOWEST_HZ, HIGHEST_HZ))
    edges = np.linspace(low, high, N_BANDS + 2)
    rising = (mels - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - mels) / np.diff(edges)[1:]
    return np.asarray(np.maximum(np.minimum(rising, falling), 0), dtype=np.float32)


def speech_bands(power: NDArray[np.float32], settings: FeatureSettings) -> Features:
    """Return log magnitudes in the embedding's bands, shape (n_frames, N_BANDS).

    Parameters
    ----------
    power : float32 (n_frames, n_bins), from `kws_live.model.features.FeatureExtractor.power`
    settings : of that extractor; longer frames than the original's give greater magnitudes, which is corrected
    """
    filters = band_filters(settings.n_fft, settings.sample_rate_hz)[: power.shape[-1]]
    magnitudes = np.sqrt(power) @ (filters * np.float32(FRAME_SAMPLES / settings.frame_samples))
    return np.asarray(np.log(magnitudes + np.float32(FLOOR)), dtype=np.float32)


class SpeechEmbedding:
    """Runs the embedding on a stream; it has state, so each stream needs its own.

    Parameters
    ----------
    content : the LiteRT file
    where : its path, for errors

    Raises
    ------
    ModelError
        If it is not a LiteRT file, or contains another network.
    """

    def __init__(self, content: bytes, where: str) -> None:
        from ai_edge_litert.interpreter import Interpreter  # this import takes half of the start-up time

        try:
            with quiet_stderr():
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
            entry, result = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelError(f"{where}: LiteRT cannot load the embedding: {first_line(error)}") from error
        self._input, self._shape, self._output = entry["index"], entry["shape"], result["index"]
        n_inputs, n_outputs = int(np.prod(self._shape)), int(np.prod(result["shape"]))
        if (n_inputs, n_outputs) != (STEP_FRAMES * N_BANDS, EMBEDDING_SIZE):
            raise ModelError(
                f"{where} maps {n_inputs} numbers to {n_outputs}; this version's embedding maps "
                f"{STEP_FRAMES} x {N_BANDS} to {EMBEDDING_SIZE}: get a complete copy of the model folder"
            )

    def step(self, bands: Features) -> NDArray[np.float32]:
        """Return the embedding after the next frames: (STEP_FRAMES, N_BANDS) -> (EMBEDDING_SIZE,)."""
        self._interpreter.set_tensor(self._input, bands.reshape(self._shape))
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output)).reshape(-1)

    def of(self, bands: Features) -> NDArray[np.float32]:
        """Return the embeddings of a new stretch, one every `STEP_FRAMES` after the first `SEEN_FRAMES`.

        Parameters
        ----------
        bands : float32 (n_frames, N_BANDS)

        Returns
        -------
        float32 array, shape (1 + (n_frames - SEEN_FRAMES) // STEP_FRAMES, EMBEDDING_SIZE); afterwards `step` continues
            after the last frame, if there was no remainder
        """
        led = np.concatenate((np.zeros((_LEAD_FRAMES, N_BANDS), np.float32), bands))
        steps = [self.step(led[at : at + STEP_FRAMES]) for at in range(0, len(led) - STEP_FRAMES + 1, STEP_FRAMES)]
        return np.array(steps[_WARM_UP_STEPS:], dtype=np.float32).reshape(-1, EMBEDDING_SIZE)
