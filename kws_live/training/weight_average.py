"""The moving average of a network's weights, which training saves."""

from typing import Any

import keras
import numpy as np


class Average:
    """Exponential moving average of the weights and of the batch normalisation statistics.

    Keras's own (``use_ema``) does not average these statistics, nor does it use a lower momentum at the start, when the
    random initial weights would count for thousands of steps.
    """

    def __init__(self, weights: list[Any], momentum: float) -> None:
        # Copies: JAX donates the memory of a network's weights at each step.
        self.values = [keras.Variable(np.array(weight), trainable=False) for weight in weights]
        self._weights = weights
        self._momentum = momentum
        self._moved = _moved
        if keras.backend.backend() == "jax":  # on an accelerator, a hundred small calls take longer than a step
            import jax  # type: ignore[import-not-found,unused-ignore]

            self._moved = jax.jit(_moved)

    def update(self, step: int) -> None:
        """Update the average with the weights after a step."""
        share = 1 - min(self._momentum, (1 + step) / (10 + step))
        moved = self._moved([value.value for value in self.values], [weight.value for weight in self._weights], share)
        for value, new in zip(self.values, moved, strict=True):
            value.assign(new)

    def swap(self) -> None:
        """Exchange the average and the weights."""
        for value, weight in zip(self.values, self._weights, strict=True):
            kept = keras.ops.convert_to_numpy(value).copy()
            value.assign(weight)
            weight.assign(kept)


def _moved(values: list[Any], towards: list[Any], share: float) -> list[Any]:
    return [value + share * (weight - value) for value, weight in zip(values, towards, strict=True)]
