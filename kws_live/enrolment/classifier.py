"""One word against everything else: along the line between the mean of the one and that of the other.

References
----------
J. Snell, K. Swersky, R. Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017 (classes by their means).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SCALE: Final = 20.0
"""Length of the weights: vectors have length one, so scores of other sound and of the word lie some units apart."""


def fit(word: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights of a word: their product with a vector is high where it is the word.

    Parameters
    ----------
    word, others : mean vectors, shape (size,)
    """
    line = word - others
    return np.asarray(SCALE * line / max(float(np.linalg.norm(line)), 1e-9), dtype=np.float32)
