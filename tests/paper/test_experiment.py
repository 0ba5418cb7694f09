"""The original experiment, on recordings made of tones."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from kws_live.model import load_model
from kws_live.model.features import PAPER, FeatureExtractor
from kws_live.paper.data import (
    PAPER_WORDS,
    Split,
    WordSet,
    archive_words,
    choose_words,
    librosa_second,
    random_split,
    read_features,
    write_features,
)
from kws_live.paper.experiment import (
    PAPER_RUNS,
    SPLITS,
    Experiment,
    Run,
    data_digest,
    repeat_paper,
    run_settings,
    shifted_batches,
)
from kws_live.paper.pictures import log_spectrum
from kws_live.paper.report import choose_thresholds, write_model, write_report
from kws_live.training.dataset import FeatureArchive
from tests.paper.material import people

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # TensorFlow's start and three short trainings, on cores that others use too
    # librosa 0.11 asks for old readers of Python's own when it loads a file.
    pytest.mark.filterwarnings("ignore:.*slated for removal in Python 3.13:DeprecationWarning"),
    # Keras on TensorFlow reads variables in a way that numpy 2 wants otherwise.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

EPOCHS, BATCH_SIZE = 6, 8
NAMES = [f"{kind}-{split}" for kind in ("recordings", "commands", "shifted") for split in SPLITS]
TRAINED = ("recordings-random", "shifted-speaker")
"""One run of each kind; the others are found finished."""


@dataclass(frozen=True)
class Repeated:
    """The experiments as they came, and the runs that had been finished before."""

    out: Path
    experiments: dict[str, Experiment]
    finished: dict[str, Run]


def finish(word_set: WordSet, split: Split, folder: Path) -> Run:
    """Leave a run as a training leaves it: here the network has learnt nothing."""
    from kws_live.training.architectures import build_network  # imports Keras

    curves = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), [0.5] * EPOCHS)
    run = Run(EPOCHS, BATCH_SIZE, 1.0, curves, (0.3, 0.9), (0.3, 0.9), (0.3, 0.9))
    folder.mkdir(parents=True)
    build_network("paper_cnn", word_set.settings, len(word_set.words)).save(folder / "6x8.keras")
    (folder / "6x8.json").write_text(json.dumps({"data": data_digest(word_set, split), **asdict(run)}))
    return run


@pytest.fixture(scope="module")
def repeated(recordings: Path, archive: FeatureArchive, tmp_path_factory: pytest.TempPathFactory) -> Repeated:
    out = tmp_path_factory.mktemp("paper")
    write_features(recordings, choose_words(recordings), out / "features.json")
    word_sets = {
        "recordings": read_features(out / "features.json"),
        "commands": archive_words(archive),
        "shifted": archive_words(archive, every=2),
    }
    finished: dict[str, Run] = {}
    for name in NAMES:
        kind, _, split = name.partition("-")
        run = finish(word_sets[kind], SPLITS[split](word_sets[kind]), out / "runs" / name)
        if name not in TRAINED:
            finished[name] = run
    (out / "runs" / TRAINED[0] / "6x8.json").unlink()  # a kill before the record was written
    other = {"data": "of other recordings", "epochs": EPOCHS}
    (out / "runs" / TRAINED[1] / "6x8.json").write_text(json.dumps(other))
    experiments = repeat_paper(recordings, out, archive, [(EPOCHS, BATCH_SIZE)])
    return Repeated(out, experiments, finished)


def test_one_json_file_holds_labels_mapping_and_features(repeated: Repeated) -> None:
    document = json.loads((repeated.out / "features.json").read_text(encoding="utf-8"))
    assert document["mapping"] == [f"word{number}" for number in range(10)]
    assert len(document["files"]) == len(document["labels"]) == len(document["mfcc"]) == 120
    assert list(document["skipped"]) == ["word3/bad_nohash_0.wav"]
    assert np.array(document["mfcc"]).shape == (120, 44, 13)


def test_the_papers_features_are_those_of_the_live_front_end(repeated: Repeated, recordings: Path) -> None:
    word_set = read_features(repeated.out / "features.json")
    assert word_set.speakers[0] == "00000000"
    live = FeatureExtractor(PAPER).mfcc(librosa_second(recordings / "word0" / "00000000_nohash_0.wav"))
    np.testing.assert_allclose(word_set.mfcc[0], live, atol=2e-3)


def test_shifted_batches_move_clips_and_keep_their_labels() -> None:
    mfcc = np.arange(60, dtype=np.float32).reshape(6, 10, 1)  # clip c, frame t holds 10 c + t
    batches = list(shifted_batches(mfcc, np.arange(6), epochs=100, batch_size=4, n_frames=2))
    assert len(batches) == 100, "one full batch of four an epoch"
    seen = set()
    for moved, labels in batches:
        assert moved.shape == (4, 10, 1)
        for clip, label in zip(moved[..., 0], labels, strict=True):
            shift = int(10 * label + 5 - clip[5])
            np.testing.assert_array_equal(clip, 10 * label + np.clip(np.arange(10) - shift, 0, 9))
            seen.add((int(label), shift))
    assert seen == {(label, shift) for label in range(6) for shift in range(-2, 3)}


@pytest.mark.parametrize("name", TRAINED)
def test_the_network_learns_the_words(repeated: Repeated, name: str) -> None:
    run = repeated.experiments[name].winner
    assert (run.epochs, run.batch_size) == (EPOCHS, BATCH_SIZE)
    assert len(run.history["val_accuracy"]) == EPOCHS
    # While training, because the running means of the normalisation need more steps than these to arrive.
    assert run.history["accuracy"][-1] > 0.7, "ten words by chance would be 0.1"


def test_each_split_of_each_word_set_is_an_experiment(repeated: Repeated) -> None:
    assert list(repeated.experiments) == NAMES
    for name, experiment in repeated.experiments.items():
        split = SPLITS[name.partition("-")[2]](experiment.word_set)
        np.testing.assert_array_equal(experiment.split.test, split.test)
        assert experiment.folder == repeated.out / "runs" / name
    assert repeated.experiments["commands-random"].word_set.settings.n_frames == 98
    assert repeated.experiments["shifted-speaker"].word_set.settings.n_frames == 49
    assert repeated.experiments["shifted-speaker"].word_set.words == PAPER_WORDS


def test_the_winner_is_chosen_by_validation_and_not_by_test() -> None:
    def run(val: tuple[float, float], test: float) -> Run:
        return Run(1, 1, 0.0, {}, (0.0, 1.0), val, (0.0, test))

    runs = [run((0.5, 0.9), 0.99), run((0.4, 0.95), 0.5), run((0.3, 0.95), 0.4)]
    word_set = people(10, 20)
    assert Experiment(word_set, random_split(word_set), runs, Path()).winner is runs[2]


def test_the_network_is_the_papers(repeated: Repeated) -> None:
    experiment = repeated.experiments["recordings-random"]
    # Convolutions 640 + 18,464 + 4,128, normalisations 256 + 128 + 128, dense layers 160 * 64 + 64 and 64 * 10 + 10.
    assert experiment.network(experiment.runs[0]).count_params() == 34_698


def test_finished_runs_on_the_same_data_are_not_repeated_and_all_others_are(repeated: Repeated) -> None:
    for name, experiment in repeated.experiments.items():
        if name in TRAINED:
            record = json.loads((repeated.out / "runs" / name / "6x8.json").read_text())
            assert record["data"] == data_digest(experiment.word_set, experiment.split)
            assert record["history"] == experiment.winner.history
        else:
            assert experiment.runs == [repeated.finished[name]]


def test_a_run_that_is_repeated_gives_the_same(repeated: Repeated, tmp_path: Path) -> None:
    first = repeated.experiments[TRAINED[0]]
    (again,) = run_settings(first.word_set, first.split, [(EPOCHS, BATCH_SIZE)], tmp_path)
    np.testing.assert_allclose(again.test, first.winner.test, atol=1e-3)


def test_a_threshold_lets_at_most_half_a_percent_of_other_words_pass() -> None:
    # 1000 clips of other words score 0.000, 0.001 ... 0.999: 0.995 and more is half a percent, but 0.99 is the highest.
    ramp = np.arange(1000) / 1000
    posteriors = np.stack([np.append(ramp, 1.0), np.append(0.7 * ramp, 0.0), np.zeros(1001)], axis=1).astype(np.float32)
    thresholds = choose_thresholds(posteriors, np.array([-1] * 1000 + [0]), ("a", "b", "c"))
    assert thresholds["a"] == 0.99
    assert thresholds["b"] == pytest.approx(0.7 * 0.995, abs=1e-3)
    assert thresholds["c"] == 0.5


def test_the_envelope_follows_the_spectrum_and_leaves_the_harmonics_out() -> None:
    time = np.arange(22_050) / 22_050
    voice = np.sum([np.sin(2 * np.pi * 150 * k * time) for k in range(1, 40)], axis=0).astype(np.float32)
    spectrum, envelope = log_spectrum(voice)
    assert envelope.mean() == pytest.approx(spectrum.mean(), abs=0.5)
    assert np.abs(np.diff(envelope)).max() < 0.2 * np.abs(np.diff(spectrum)).max()


def prose(report: str) -> list[str]:
    """Paragraphs without tables, pictures and the machine, with words and figures left blank."""
    paragraphs = report.partition("\n## Machine")[0].split("\n\n")
    blank = re.compile(r"\*\*.*?\*\*( \(the ten words with .*?\))?|[-+]?\d[\d,.]*(e-\d+)?(?<![,.])")
    return [blank.sub("#", one) for one in paragraphs if not one.startswith(("|", "!["))]


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")  # TensorFlow's converter
def test_report_and_model_come_from_the_runs(
    repeated: Repeated, recordings: Path, archive: FeatureArchive, tmp_path: Path
) -> None:
    from kws_live.training.export import FLOAT_NAME, litert_posteriors  # imports TensorFlow's Keras

    out, experiments = repeated.out, repeated.experiments
    folder = tmp_path / "model"
    write_model(experiments, folder, archive)
    write_report(experiments, recordings, out, folder)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert f"{100 * experiments['recordings-random'].runs[0].test[1]:.2f}" in text
    assert f"{100 * experiments['shifted-random'].winner.test[1]:.2f}" in text
    assert max(PAPER_RUNS.values()) == 93.62
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert all(f"({name})" in text for name in pictures)
    assert len(pictures) == 7
    model = load_model(folder)
    published = load_model("paper")
    assert prose(text) == prose((published.folder / "report.md").read_text(encoding="utf-8"))
    assert model.card.description == published.card.description
    assert model.card.labels == PAPER_WORDS
    experiment = experiments["shifted-speaker"]
    network, scorer = experiment.network(experiment.winner), model.scorer()
    windows = experiment.word_set.mfcc[experiment.split.test[:5]]
    keras_posteriors = np.asarray(network(windows))
    exact = litert_posteriors((folder / FLOAT_NAME).read_bytes(), windows)
    np.testing.assert_allclose(exact, keras_posteriors, atol=1e-4)
    for window, expected in zip(windows, keras_posteriors, strict=True):
        np.testing.assert_allclose(scorer.score(window).posteriors, expected, atol=0.1)  # 8-bit weights
