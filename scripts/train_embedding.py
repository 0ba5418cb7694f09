"""Make the embedding of models/commands-12, by which words are taught, and its bank of negatives.

DATA holds speech/librispeech/ and noise/speech_commands/, as for scripts/train_default; FEATURES the archives that it
made (images, recordings, negatives, optionally sounds). Words by the synthesisers on this machine are added:

  apt-get install espeak-ng flite festival festvox-kdlpc16k festvox-us-slt-hts; pip install py-nanotts

Everything is resumable: give the same command again. The trunk is that of the model's own network, so run it after
scripts/train_default.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from marked_text import put_between
from numpy.typing import NDArray
from speakers import speakers_of
from taught_beside import outputs_of, own_words_right

from kws_live.audio import SPEECH_LABEL, SPEECH_RATE_HZ
from kws_live.cli.progress import progress
from kws_live.enrolment.augmentation import TakeFeatures
from kws_live.enrolment.bank import Bank, stream_of
from kws_live.enrolment.expectation import SPOTTED_PER_HOUR
from kws_live.enrolment.teaching import Teacher
from kws_live.evaluation.recorded_run import RecordedRun, record
from kws_live.evaluation.talk import join_chapters
from kws_live.model import KERAS_NAME, Model, load_model
from kws_live.model.card import write_card
from kws_live.model.features import Features
from kws_live.model.scorer import Scorer
from kws_live.model.taught_words import BANK_NAME, EMBEDDING_KERAS_NAME, EMBEDDING_NAME, EMBEDDING_SIZE
from kws_live.sources.array import ArraySource
from kws_live.sources.recordings import read_mono
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.training.clips import word_extent
from kws_live.training.corpora.spoken_words import texts_of, write_spoken_words
from kws_live.training.dataset import BACKGROUND, FeatureArchive
from kws_live.training.metric_learning import EmbeddingRecipe, load_embedding_recipe, train_embedding, words_of

PROOF_WORDS: Final = ("archie", "hey archie", "dracarys", "goodnight", "good night", "how are you", "joke")
"""Words that teaching is proved on (scripts/prove_teaching.py): no synthetic voice says them here."""

N_WORDS, N_PAIRS = 1300, 400
CLIPS_FOR_COST: Final = 200
BEGIN, END = "<!-- embedding: scripts/train_embedding writes what follows -->", "<!-- embedding: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("features", type=Path, metavar="FEATURES")
    parser.add_argument("--model", default="commands-12", help="name or folder (default: %(default)s)")
    parser.add_argument(
        "--keep-embedding",
        action="store_true",
        help="make the bank and the report anew, with the embedding that is there: after the model itself has changed",
    )
    given = parser.parse_args(arguments)
    model, recipe = load_model(given.model), load_embedding_recipe()
    spoken = given.features / "spoken"
    if not spoken.exists():
        speech = given.data / "speech" / "librispeech"
        transcripts = [path for name in speakers_of("train") for path in (speech / name).rglob("*.trans.txt")]
        texts = texts_of(transcripts, N_WORDS, N_PAIRS, (*PROOF_WORDS, *recipe.held_out))
        recorded = words_of([FeatureArchive.open(given.features / "images")], recipe.held_out)
        texts = sorted({*texts, *recorded})  # a word of both kinds of voice ties the two together
        with progress("synthetic voices") as on_progress:
            write_spoken_words(spoken, model.card.features, texts, recipe.seed, 1, on_progress)
    names = ("images", "recordings", "negatives", "sounds", "spoken")
    folders = [given.features / name for name in names if (given.features / name).exists()]
    if not given.keep_embedding:
        train(model, recipe, folders, given.features / "embedding.training")
    model = load_model(write_listing(model).folder)
    (model.folder / BANK_NAME).write_bytes(make_bank(model, given.data, folders, recipe).to_bytes())
    model = load_model(write_listing(model).folder)
    report(model, recipe, folders)
    return 0


def train(model: Model, recipe: EmbeddingRecipe, folders: Sequence[Path], work: Path) -> None:
    """Train, or go on; writes the Keras and the LiteRT file."""
    import keras

    from kws_live.training.export import range_windows, to_litert

    trunk = keras.models.load_model(model.folder / KERAS_NAME, compile=False)
    with progress("embedding") as on_progress:
        network = train_embedding(recipe, trunk, folders, work, lambda done, total, _: on_progress(done, total))
    keras.Model(network.input, network.output, name="embedding").save(model.folder / EMBEDDING_KERAS_NAME)
    sample = range_windows([FeatureArchive.open(folder) for folder in folders])
    (model.folder / EMBEDDING_NAME).write_bytes(to_litert(network, sample))


def write_listing(model: Model) -> Model:
    """Put the files that are there under the card's ``files``."""
    there = [name for name in (EMBEDDING_NAME, EMBEDDING_KERAS_NAME, BANK_NAME) if (model.folder / name).exists()]
    write_card(model.folder, replace(model.card, files={**model.card.files, **dict.fromkeys(there, "")}))
    return model


class _Both:
    """Posteriors, then the embedding."""

    def __init__(self, base: Scorer, embedding: Scorer) -> None:
        self._base, self._embedding = base, embedding

    def score(self, features: Features) -> NDArray[np.float32]:
        return np.concatenate((self._base.score(features), self._embedding.score(features)))


@dataclass(frozen=True)
class _EmbeddingModel(Model):
    def scorer(self) -> Scorer:
        plain = load_model(self.folder)
        return _Both(plain.base_scorer(), plain.embedding())


def embedding_model(model: Model) -> Model:
    """The model with the embedding as further outputs, to be recorded like any other."""
    outputs = (*model.card.labels, *(f"embedding {i}" for i in range(EMBEDDING_SIZE)))
    return _EmbeddingModel(model.folder, replace(model.card, labels=outputs))


def held_out_runs(model: Model, data: Path) -> Iterator[RecordedRun]:
    """The pipeline over talk of validation speakers and the ends of the noise recordings."""
    both = embedding_model(model)
    settings = DecisionSettings(thresholds=dict(model.card.thresholds))
    recordings = [
        samples
        for name in speakers_of("val")
        for _, samples, _ in join_chapters(data / "speech" / "librispeech" / name)
    ]
    for path in sorted((data / "noise" / "speech_commands").glob("*.ogg")):
        samples = read_mono(path, SPEECH_RATE_HZ)
        recordings.append(samples[int(0.85 * samples.size) :])  # the part that nothing was trained on
    for samples in recordings:
        yield record(both, settings, ArraySource(samples, SPEECH_RATE_HZ))[0]


def make_bank(model: Model, data: Path, folders: Sequence[Path], recipe: EmbeddingRecipe) -> Bank:
    """Embeddings of training clips to fit against, of held-out talk to judge on."""
    archives = {folder.name: FeatureArchive.open(folder) for folder in folders}
    rng = np.random.default_rng(recipe.seed)
    embedding = model.embedding()

    def drawn(rows: NDArray[np.intp], n: int) -> NDArray[np.intp]:
        return np.sort(rng.choice(rows, min(n, len(rows)), replace=False))

    def embedded(archive: FeatureArchive, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.array([embedding.score(window) for window in archive.mfcc(rows)], dtype=np.float32)

    images, talk = archives["images"], archives["negatives"]
    wanted = [(images, images.rows("train", [word]), 50) for word in words_of([images], recipe.held_out)]
    wanted += [(talk, talk.rows("train", [SPEECH_LABEL]), 4000), (talk, talk.rows("train", [BACKGROUND]), 600)]
    wanted += [
        (archives[name], archives[name].rows("train"), n)
        for name, n in (("sounds", 500), ("spoken", 1500))
        if name in archives
    ]
    parts = [embedded(archive, drawn(rows, n)) for archive, rows, n in wanted]
    noise = talk.decibels(drawn(talk.rows("train", [BACKGROUND]), 48))
    clips = [embedded(images, drawn(images.rows("val", [word]), 30)) for word in model.card.keywords]
    runs = list(held_out_runs(model, data))
    labels = model.card.labels
    silence, own = labels.index("_silence_"), [labels.index(word) for word in model.card.keywords]
    return Bank(
        negatives=np.concatenate(parts),
        noise=noise,
        words=model.card.keywords,
        word_clips=np.array(clips, dtype=np.float32),
        gate_mode=runs[0].gate_mode or 0,
        **stream_of(runs, len(labels), silence, own),  # type: ignore[arg-type]  # their types differ
    )


def report(model: Model, recipe: EmbeddingRecipe, folders: Sequence[Path], seeds: int = 5) -> None:
    """Teach each held-out word from a few clips and write into the model's report how it is heard."""
    archive = FeatureArchive.open(next(folder for folder in folders if folder.name == "images"))
    teacher = Teacher(model)
    rows = []
    for word in recipe.held_out:
        cells = []
        for n_takes in (3, 5, 10):
            tried = [try_word(teacher, archive, word, n_takes, seed) for seed in range(seeds)]
            hits, n = (sum(column) for column in zip(*tried, strict=True))
            cells.append(f"{100 * hits / n:.1f} % of {n}")
        rows.append(f"| {word} | {' | '.join(cells)} |")
    cost = cost_of_a_word(model, teacher, archive, recipe.held_out, seeds)
    files = ", ".join(
        f"`{name}` {(model.folder / name).stat().st_size / 1000:,.0f} kB" for name in (EMBEDDING_NAME, BANK_NAME)
    )
    bank = teacher.bank
    n_words = len(words_of([FeatureArchive.open(folder) for folder in folders], recipe.held_out))
    text = "\n".join(
        [
            "## Words of one's own",
            "",
            f"An embedding of {bank.negatives.shape[1]} numbers, trained by `scripts/train_embedding` on",
            f"{n_words:,} words, most of them by synthetic voices, in {recipe.steps:,} steps of {recipe.batch_size}",
            f"windows; {files}.",
            "The five words below were left out of it. Each was taught from clips of that many speakers, drawn five",
            f"times, and tried on clips of others, at the bias that lets it be spotted {SPOTTED_PER_HOUR:g} times an",
            f"hour, when pauses do not count, in {60 * bank.hours:.0f} minutes of talk and noise of other speakers.",
            "",
            "| word | 3 takes | 5 takes | 10 takes |",
            "|---|---|---|---|",
            *rows,
            "",
            f"One such word beside the ten, from 5 takes, costs {cost:.3f} points of the ten words' validation clips.",
            "",
            *([recipe.notes.strip(), ""] if recipe.notes else []),
        ]
    )
    put_between(model.folder / "report.md", text, BEGIN, END, "\n")
    print(text)


def try_word(
    teacher: Teacher, archive: FeatureArchive, word: str, n_takes: int, seed: int, n_tries: int = 60
) -> tuple[int, int]:
    """Teach a word from clips of ``n_takes`` speakers: hits and tries on clips of others."""
    chosen, order = drawn_takes(archive, word, n_takes, seed)
    others = [row for row in order if archive.speakers[row] not in archive.speakers[chosen]][:n_tries]
    weights, bias = teacher.weights_of(takes_of(archive, chosen))
    hits = sum(teacher.passes(take, weights, bias) for take in takes_of(archive, others))
    return hits, len(others)


def drawn_takes(archive: FeatureArchive, word: str, n_takes: int, seed: int) -> tuple[list[Any], NDArray[np.intp]]:
    """Clips of a word by different speakers, and all of its clips in random order."""
    rng = np.random.default_rng([seed, n_takes])
    order = rng.permutation(np.flatnonzero((archive.labels == word) & (archive.sets != "test")))
    chosen: list[Any] = []
    for row in order:
        if len(chosen) < n_takes and archive.speakers[row] not in archive.speakers[chosen]:
            chosen.append(row)
    return chosen, order


def cost_of_a_word(
    model: Model, teacher: Teacher, archive: FeatureArchive, words: Sequence[str], seeds: int, n_takes: int = 5
) -> float:
    """Points of validation clips of the network's own words that are lost with a taught word beside them, mean."""
    rows = np.concatenate([archive.rows("val", [word])[:CLIPS_FOR_COST] for word in model.card.keywords])
    outputs = outputs_of(model, archive.mfcc(rows))
    truth = np.array([model.card.labels.index(word) for word in archive.labels[rows]])
    before, _ = own_words_right(model, teacher.bank, (), outputs, truth)
    lost = []
    for word in words:
        for seed in range(seeds):
            fitted = teacher.weights_of(takes_of(archive, drawn_takes(archive, word, n_takes, seed)[0]))
            lost.append(before.mean() - own_words_right(model, teacher.bank, [fitted], outputs, truth)[0].mean())
    return 100 * float(np.mean(lost))


def takes_of(archive: FeatureArchive, rows: Sequence[Any]) -> list[TakeFeatures]:
    """Clips as takes."""
    log_mel = archive.decibels(np.array(rows, dtype=np.intp))
    onset, offset, _ = word_extent(log_mel)
    return [TakeFeatures(one, int(a), int(b)) for one, a, b in zip(log_mel, onset, offset, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
