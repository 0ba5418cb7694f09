"""What runs a network: features in, numbers out."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import Samples
from kws_live.errors import ModelError
from kws_live.model.card import ModelCard
from kws_live.model.features import Features
from kws_live.model.folders import first_line
from kws_live.system.native_output import quiet_stderr

Posteriors = NDArray[np.float32]
"""Every label's probability, shape (n_labels,), summing to 1; taught words' scores come on top."""

StreamScorer = Callable[[Samples, bool], Posteriors]
"""Scores the window that a stretch of samples begins with; what comes after it has been read ahead. The second argument
says whether it is the window scored last, moved on by one step."""


class Scorer(Protocol):
    """Runs the network."""

    def score(self, features: Features) -> Posteriors:
        """Posteriors of one window: float32 (n_frames, n_mfcc) -> float32 (n_labels,)."""


class LiteRtScorer:
    """A network on LiteRT, one thread.

    Parameters
    ----------
    content : the LiteRT file
    card : of its model
    n_outputs : of the network; None: one for each label

    Raises
    ------
    ModelError
        If the bytes are no LiteRT model, or its shapes are not the card's.
    """

    def __init__(self, content: bytes, card: ModelCard, n_outputs: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter  # half of a second start is this import

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

    def score(self, features: Features) -> Posteriors:
        self._interpreter.set_tensor(self._input["index"], features.reshape(self._input["shape"]))
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output["index"])).reshape(-1)
