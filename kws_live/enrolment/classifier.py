"""Separate one word from everything else along the line between its mean and the mean of other sound.

References
----------
J. Snell, K. Swersky, R. Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017 (classes by their means).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SCALE: Final = 20.0
"""Length of the weights: vectors have length 1, so the scores of other sound and of the word lie some units apart."""


def fit(word: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a word's weights: their product with a vector is high if it is the word.

    Parameters
    ----------
    word, others : mean vectors, shape (size,)
    """
    line = word - others
    return np.asarray(SCALE * line / max(float(np.linalg.norm(line)), 1e-9), dtype=np.float32)
