"""One word against everything else: logistic regression on embeddings.

References
----------
C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.3 (iterative reweighted least squares).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PENALTY: Final = 0.005
"""Weight of the squared weights beside the mean loss; chosen on words held out of the embedding's training, where
from 0.002 to 0.02 makes no difference."""

MOST_STEPS: Final = 30
ENOUGH: Final = 1e-3
"""Change of the largest weight, which is in the tens."""


def fit(
    positive: NDArray[np.float32], negative: NDArray[np.float32], penalty: float = PENALTY
) -> tuple[NDArray[np.float32], float]:
    """Weights and bias of the logistic regression; both sides count as much as each other.

    Parameters
    ----------
    positive, negative : embeddings, shape (n, size)
    penalty : of the squared weights
    """
    x = np.concatenate([positive, negative])
    x = np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1).astype(np.float32)
    y = np.repeat(np.array([1, 0], np.float32), [len(positive), len(negative)])
    share = np.where(y > 0, 0.5 / len(positive), 0.5 / len(negative)).astype(np.float32)
    ridge = np.diag(np.append(np.full(x.shape[1] - 1, penalty), 1e-9))
    weights = np.zeros(x.shape[1])
    for _ in range(MOST_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights.astype(np.float32), -40, 40)))
        gradient = x.T @ (share * (p - y)) + ridge @ weights
        curvature = x.T @ (x * (share * np.maximum(p * (1 - p), 1e-6))[:, np.newaxis]) + ridge
        step = np.linalg.solve(curvature.astype(np.float64), gradient)
        weights -= step / max(1.0, float(np.abs(step).max()) / 5)  # far from the solution a full step overshoots
        if np.abs(step).max() < ENOUGH:
            break
    return weights[:-1].astype(np.float32), float(weights[-1])
