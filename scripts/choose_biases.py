"""Share of validation windows of each kind classified as a keyword, for biases of "unknown" and "silence".

  scripts/choose_biases commands-12 --features features/default/images --features features/default/talk ...

Percentage of windows whose best label is a keyword and, in brackets, with a keyword score of at least 0.65; for words,
only the keyword that was said counts.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SPEECH_LABEL
from kws_live.evaluation.report import Table
from kws_live.model import load_model
from kws_live.model.features import Features
from kws_live.training.clips import Floats
from kws_live.training.dataset import BACKGROUND, FeatureArchive
from kws_live.training.training_run import load_network

UNKNOWN: Final = (0.0, -0.3, -0.6, -1.0)
SILENCE: Final = (0.0, 1.0, 1.9)
THRESHOLD: Final = 0.65


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL", help="name or folder")
    parser.add_argument(
        "--features", type=Path, action="append", required=True, metavar="DIR", help="an archive; repeatable"
    )
    given = parser.parse_args(arguments)
    network = load_network(given.model)
    keywords = load_model(given.model).card.keywords
    kernel, bias = network.layers[-1].get_weights()
    body = keras.Model(network.input, network.layers[-1].input)
    kinds = {}
    for folder in given.features:
        for kind, mfcc, said in windows(FeatureArchive.open(folder), keywords):
            chunks = [np.asarray(body.predict_on_batch(mfcc[i : i + 1024])) for i in range(0, len(mfcc), 1024)]
            kinds[f"{folder.name}, {kind}"] = np.concatenate(chunks) @ kernel + bias, said
    rows = []
    for unknown, silence in product(UNKNOWN, SILENCE):
        added = np.append(np.zeros(len(keywords)), [unknown, silence])
        rows.append((f"{unknown:g}", f"{silence:g}", *(taken(logits + added, said) for logits, said in kinds.values())))
    print(Table(f"{given.model.name}, added to its biases", ("unknown", "silence", *kinds), tuple(rows)).markdown())
    return 0


def windows(
    archive: FeatureArchive, keywords: Sequence[str]
) -> Iterator[tuple[str, Features, NDArray[np.intp] | None]]:
    """Yield the validation windows by kind, and the keyword in each; None: no keywords."""
    rows = archive.rows("val")
    labels = archive.labels[rows]
    is_word, is_talk, is_noise = np.isin(labels, keywords), labels == SPEECH_LABEL, labels == BACKGROUND
    others = ~(is_word | is_talk | is_noise)
    for kind, of_it in (("words", is_word), ("other words", others), ("talk", is_talk), ("noise", is_noise)):
        if of_it.any():
            said = np.array([list(keywords).index(label) for label in labels[of_it]]) if kind == "words" else None
            yield kind, archive.mfcc(rows[of_it]), said


def taken(logits: Floats, said: NDArray[np.intp] | None) -> str:
    """Return the shares classified as a keyword: as the best label, and above the threshold."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    posteriors = powers / powers.sum(axis=1, keepdims=True)
    words = posteriors[:, :-2]
    best, top = words.argmax(axis=1), words.max(axis=1)
    counts = np.ones(len(best), bool) if said is None else best == said
    is_best = counts & (top >= posteriors[:, -2:].max(axis=1))
    return f"{100 * is_best.mean():.2f} ({100 * (counts & (top >= THRESHOLD)).mean():.2f})"


if __name__ == "__main__":
    sys.exit(main())
