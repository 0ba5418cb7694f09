"""Make models/commands-12/negatives.npz: statistics of talk, to separate taught words from it and to choose their bias.

Both use the talk of more than a hundred readers: a word that is rare with a few may be common with others.

DATA contains speech/librispeech/, talk/, noise/speech_commands/ and commands.csv with its recordings. Run it
after scripts/make_speech_embedding.py, and again when the network has changed: the bank contains its posteriors.

  scripts/make_word_bank.py DATA
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from teaching_speech import talk_of, training_talk
from teaching_streams import every_hop

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.enrolment.bank import Bank, stream_of
from kws_live.enrolment.takes import Take
from kws_live.evaluation.recorded_run import RecordedRun, record
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.model.speech_embedding import SEEN_FRAMES, STEP_FRAMES
from kws_live.model.taught_words import BANK_NAME, SPAN_FRAMES, vectors_of
from kws_live.sources.array import ArraySource
from kws_live.sources.recordings import read_mono
from kws_live.spotting.decision_settings import DecisionSettings

NOISE_TO_TRAIN: Final = 0.85
"""Share of each noise recording used to train the network; the rest is held out."""

READER_SECONDS: Final = 60
"""Maximum per reader in the stream: most read for a quarter of that, and one for an hour."""

CLIP_HOPS: Final = 12
CLIPS_EACH: Final = 30
"""Clips of each of the network's words, from the training recordings; for some words there are only seven."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--model", default="commands-12", help="name or folder (default: %(default)s)")
    given = parser.parse_args(arguments)
    model = load_model(given.model)
    talk = [np.concatenate([samples for samples, _ in talk_of(folder)]) for folder in training_talk(given.data)]
    means = [vectors_of(every_hop(model, samples)).mean(axis=0) for samples in talk]
    seconds = [samples.size / SPEECH_RATE_HZ for samples in talk]
    recordings = [samples[: READER_SECONDS * SPEECH_RATE_HZ] for samples in talk] + list(ends_of_noise(given.data))
    runs = [run_of(model, samples) for samples in recordings]
    words = tuple(model.network_words)
    clips = [word_clips(model, given.data, word) for word in words]
    least = min(map(len, clips))
    bank = Bank(
        mean=np.average(means, axis=0, weights=seconds).astype(np.float32),
        labels=model.network_labels,
        words=words,
        word_clips=np.array([some[:least] for some in clips], np.float32),
        gate_mode=runs[0].gate_mode or 0,
        **stream_of(  # type: ignore[arg-type]  # their types differ
            runs, [stream_embeddings(model, samples, run) for samples, run in zip(recordings, runs, strict=True)]
        ),
    )
    content = bank.to_bytes()
    (model.folder / BANK_NAME).write_bytes(content)
    write_card(model.folder, replace(model.card, files={**model.card.files, BANK_NAME: ""}))
    print(
        f"{BANK_NAME}: the mean of {sum(seconds) / 3600:.2f} h of talk by {len(talk)} readers; a stream of "
        f"{60 * bank.hours:.0f} minutes; {least} clips of each of the network's words; {len(content) / 1000:,.0f} kB"
    )
    return 0


def stream_embeddings(model: Model, samples: Samples, run: RecordedRun) -> NDArray[np.float32]:
    """Return the embeddings at a run's hops; a run extends a little beyond its recording."""
    return every_hop(model, np.pad(samples, (0, 2 * SPEECH_RATE_HZ)))[: len(run.positions)]


def ends_of_noise(data: Path) -> Iterator[Samples]:
    """Yield the parts of the noise recordings held out from training."""
    for path in sorted((data / "noise" / "speech_commands").glob("*.ogg")):
        samples = read_mono(path, SPEECH_RATE_HZ)
        yield samples[int(NOISE_TO_TRAIN * samples.size) :]


def run_of(model: Model, samples: Samples) -> RecordedRun:
    """Run the pipeline on a recording."""
    settings = DecisionSettings(thresholds=dict(model.card.thresholds))
    return record(model, settings, ArraySource(samples, SPEECH_RATE_HZ))[0]


def word_clips(model: Model, data: Path, word: str) -> list[NDArray[np.float32]]:
    """Return the embeddings around the end of the word in each of its training recordings."""
    with (data / "commands.csv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["word"] == word]
    found = []
    for path in paths[:: max(1, len(paths) // CLIPS_EACH)]:
        take = Take.of(path, read_mono(data / path, SPEECH_RATE_HZ)).features(model)
        bands = take.rows[:, model.card.features.n_mfcc :]
        quiet = np.resize(bands[np.argsort(bands.mean(axis=1))[:5]], (SPAN_FRAMES, bands.shape[1]))
        around = np.concatenate([quiet, bands, quiet])
        n_frames = SEEN_FRAMES + (CLIP_HOPS - 1) * STEP_FRAMES
        end = SPAN_FRAMES + take.offset + (CLIP_HOPS - 8) * STEP_FRAMES
        found.append(model.embedding().of(around[end - n_frames : end]))
    return found


if __name__ == "__main__":
    sys.exit(main())
