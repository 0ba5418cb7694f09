"""Scorers: run networks on features."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import Samples
from kws_live.errors import ModelError
from kws_live.model.card import ModelCard
from kws_live.model.features import Features
from kws_live.model.folders import first_line
from kws_live.spotting.verdict import Heard
from kws_live.system.native_output import quiet_stderr

Posteriors = NDArray[np.float32]
"""Every label's probability, shape (n_labels,), summing to 1; scores of taught words are extra."""

StreamScorer = Callable[[Samples, bool], Heard]
"""Scores the window at the beginning of the samples; the rest has been read ahead. The second argument
says whether it is the previous window advanced by one step."""

ASK_EVERY: Final = 2
"""Hops from one run of the second network to the next."""

SURE: Final = 0.9
"""Posterior of a word above which the second network is not run again for it."""

LEAST: Final = np.float32(1e-12)
"""Minimum of a product, for networks that are sure of different labels."""


class Scorer(Protocol):
    """Runs the network."""

    def score(self, features: Features, follows: bool = False) -> Heard:
        """Score one window.

        Parameters
        ----------
        features : float32 (n_frames, n_mfcc)
        follows : whether the window is the previous one advanced by one hop
        """


class LiteRtScorer:
    """A network on LiteRT, one thread.

    Parameters
    ----------
    content : the LiteRT file
    card : of its model
    n_outputs : of the network; None: one per label

    Raises
    ------
    ModelError
        If the bytes are not a LiteRT model, or its shapes do not match the card.
    """

    def __init__(self, content: bytes, card: ModelCard, n_outputs: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter  # this import takes half of the start-up time

        try:
            with quiet_stderr():
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelError(f"model {card.name!r}: LiteRT cannot load the network: {first_line(error)}") from error
        expected = len(card.labels) if n_outputs is None else n_outputs
        n_inputs, n_found = int(np.prod(self._input["shape"])), int(np.prod(self._output["shape"]))
        if n_inputs != card.features.n_frames * card.features.n_mfcc or n_found != expected:
            raise ModelError(
                f"model {card.name!r}: the network maps {n_inputs} values to {n_found}; the card says "
                f"{card.features.n_frames} x {card.features.n_mfcc} and {expected} labels"
            )

    def score(self, features: Features, follows: bool = False) -> Heard:
        self._interpreter.set_tensor(self._input["index"], features.reshape(self._input["shape"]))
        self._interpreter.invoke()
        return Heard(np.array(self._interpreter.get_tensor(self._output["index"])).reshape(-1))


class VerifiedScorer:
    """Two networks with different errors: where the first scores a word, the geometric mean of both is used.

    So a network that is sure of no word outweighs one that is fairly sure of a word. The second network is slower:
    on consecutive hops it runs at every `ASK_EVERY`-th, until it is `SURE` of the first network's word; in between, its
    last result is used.

    Parameters
    ----------
    first : run on every window
    verifier : run where the first scores a word at ``bar`` or more; it has the same labels
    words : indices of the labels that are words
    bar : 0 (always run) to 1
    """

    def __init__(self, first: Scorer, verifier: Scorer, words: Sequence[int], bar: float) -> None:
        self._first, self._verifier, self._words, self._bar = first, verifier, list(words), bar
        self._answer: Posteriors | None = None
        self._age_hops = 0

    def score(self, features: Features, follows: bool = False) -> Heard:
        heard = self._first.score(features, follows)
        named = self._words[int(heard.posteriors[self._words].argmax())]
        if heard.posteriors[named] < self._bar:
            self._answer = None
            return heard
        self._age_hops += 1
        doubts = self._age_hops >= ASK_EVERY and self._answer is not None and self._answer[named] < SURE
        if self._answer is None or not follows or doubts:
            self._answer, self._age_hops = self._verifier.score(features).posteriors, 0
        product = np.sqrt(np.maximum(heard.posteriors * self._answer, LEAST))
        return Heard(product / product.sum(), (heard.posteriors, self._answer))
