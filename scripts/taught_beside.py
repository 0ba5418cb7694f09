"""Taught words beside the network's own, in many windows at once, as `TaughtScorer` has it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SILENCE
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.expectation import THRESHOLD
from kws_live.model import Model
from kws_live.model.scorer import Posteriors
from kws_live.model.taught_words import contest, logistic

Fitted = tuple[NDArray[np.float32], float]
"""A word's weights and bias."""


def outputs_of(model: Model, windows: NDArray[np.float32]) -> Posteriors:
    """The network's posteriors, then the embedding, of MFCC windows; shape (n, n_labels + size)."""
    base, embedding = model.base_scorer(), model.embedding()
    return np.array([np.concatenate((base.score(window), embedding.score(window))) for window in windows])


def heard(model: Model, bank: Bank, word: Fitted, outputs: Posteriors) -> tuple[Posteriors, Posteriors]:
    """A taught word's scores, shape (n,), and what it leaves of the network's posteriors, shape (n, n_labels)."""
    n_labels = len(model.card.labels)
    posteriors, embeddings = outputs[:, :n_labels].copy(), outputs[:, n_labels:]
    own = [model.own_words[word] for word in bank.words]
    silence = posteriors[:, model.card.labels.index(SILENCE)]
    weights, bias = word
    known = embeddings @ bank.word_weights.T
    logits, gives_way = contest(embeddings @ weights, bias, known, posteriors[:, own], silence)
    scores = logistic(logits).astype(np.float32)
    posteriors[:, own] *= 1 - scores[:, np.newaxis] * gives_way
    return scores, posteriors


def own_words_right(
    model: Model, bank: Bank, words: Iterable[Fitted], outputs: Posteriors, truth: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each window's label is found with the taught words beside, and whether one of them passes its threshold.

    As in `kws-live evaluate --clips`: below its threshold a taught word is no answer.
    """
    best, left = np.zeros(len(truth), np.float32), outputs[:, : len(model.card.labels)]
    for word in words:
        scores, of_own = heard(model, bank, word, outputs)
        best = np.maximum(best, scores * (scores >= THRESHOLD))
        left = np.minimum(left, of_own)
    return (left.argmax(axis=1) == truth) & (best < left.max(axis=1)), best > 0
