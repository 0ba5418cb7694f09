"""The founding experiment, on recordings made of tones: each word is a pitch, so that a few epochs learn it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.errors import DatasetError
from kws_live.model import load_model
from kws_live.model.features import PAPER, SPEECH, FeatureExtractor
from kws_live.paper.data import (
    PAPER_WORDS,
    WordSet,
    archive_words,
    choose_words,
    librosa_second,
    random_split,
    read_features,
    speaker_split,
    write_features,
)
from kws_live.paper.experiment import (
    PAPER_RUNS,
    Experiment,
    Run,
    data_digest,
    repeat_paper,
    run_settings,
    shifted_batches,
)
from kws_live.paper.pictures import log_spectrum
from kws_live.paper.report import choose_thresholds, write_model, write_report
from kws_live.training.dataset import ClipInfo, FeatureArchive, StoredValues, write_archive

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # TensorFlow's start and six short trainings, on cores that others use too
    # librosa 0.11 asks for old readers of Python's own when it loads a file.
    pytest.mark.filterwarnings("ignore:.*slated for removal in Python 3.13:DeprecationWarning"),
    # Keras on TensorFlow reads variables in a way that numpy 2 wants otherwise.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

RUNS = ((6, 8),)


def say(word: int, speaker: int) -> np.ndarray:
    """A second of noise with a tone whose pitch is the word, the same for the same arguments."""
    rng = np.random.default_rng([word, speaker])
    time = np.arange(16_000) / 16_000
    return 0.3 * np.sin(2 * np.pi * (300 + 250 * word) * time + rng.uniform(0, 6)) + 0.003 * rng.standard_normal(16_000)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("words")
    for word in range(10):
        (data / f"word{word}").mkdir()
        for speaker in range(12):
            soundfile.write(data / f"word{word}" / f"{speaker:08x}_nohash_0.wav", say(word, speaker), 16_000)
    (data / "word3" / "bad_nohash_0.wav").write_bytes(b"no sound")
    return data


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> FeatureArchive:
    """The paper's ten words and one other, by the default front end."""
    extractor = FeatureExtractor(SPEECH)
    clips, log_mel = [], []
    for number, word in enumerate((*PAPER_WORDS, "tree")):
        for speaker in range(12):
            clips.append(ClipInfo(f"{word}/{speaker}", word, str(speaker), "train" if speaker < 10 else "val"))
            log_mel.append(extractor.log_mel(say(number, speaker).astype(np.float32)))
    folder = tmp_path_factory.mktemp("archive") / "features"
    write_archive(folder, SPEECH, StoredValues("float16"), clips, np.array(log_mel, np.float16))
    return FeatureArchive.open(folder)


@pytest.fixture(scope="module")
def results(
    recordings: Path, archive: FeatureArchive, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Experiment]]:
    out = tmp_path_factory.mktemp("paper")
    return out, repeat_paper(recordings, out, archive, RUNS)


def test_the_words_are_the_ten_with_most_recordings_where_the_papers_are_missing(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"word{number:02d}").mkdir()
        for take in range(1 if number in (3, 7) else 2):
            (tmp_path / f"word{number:02d}" / f"{take}.wav").touch()
    assert choose_words(tmp_path) == tuple(f"word{number:02d}" for number in range(12) if number not in (3, 7))


def test_the_papers_words_are_used_where_there_are_enough_of_each(tmp_path: Path) -> None:
    for word in (*PAPER_WORDS, "zebra"):
        (tmp_path / word).mkdir()
        for take in range(100):
            (tmp_path / word / f"{take}.wav").touch()
    assert choose_words(tmp_path) == PAPER_WORDS


def test_fewer_than_ten_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "1.wav").touch()
    with pytest.raises(DatasetError, match="has 1 folders of words; the experiment needs 10"):
        choose_words(tmp_path)


def test_one_json_file_holds_labels_mapping_and_features(results: tuple[Path, dict[str, Experiment]]) -> None:
    document = json.loads((results[0] / "features.json").read_text(encoding="utf-8"))
    assert document["mapping"] == [f"word{number}" for number in range(10)]
    assert len(document["files"]) == len(document["labels"]) == len(document["mfcc"]) == 120
    assert list(document["skipped"]) == ["word3/bad_nohash_0.wav"]
    assert np.array(document["mfcc"]).shape == (120, 44, 13)


def test_the_papers_features_are_those_of_the_live_front_end(
    results: tuple[Path, dict[str, Experiment]], recordings: Path
) -> None:
    word_set = read_features(results[0] / "features.json")
    assert word_set.speakers[0] == "00000000"
    live = FeatureExtractor(PAPER).mfcc(librosa_second(recordings / "word0" / "00000000_nohash_0.wav"))
    np.testing.assert_allclose(word_set.mfcc[0], live, atol=2e-3)


def test_features_are_made_again_when_a_recording_is_new(recordings: Path, tmp_path: Path) -> None:
    words = ("word0", "word1")
    calls: list[int] = []
    write_features(recordings, words, tmp_path / "f.json", lambda done, _: calls.append(done))
    assert calls[-1] == 24
    write_features(recordings, words, tmp_path / "f.json", lambda done, _: calls.append(done))
    assert len(calls) == 24
    write_features(recordings, (*words, "word2"), tmp_path / "f.json", lambda done, _: calls.append(done))
    assert len(calls) == 24 + 36


def people(n_people: int, n_clips: int) -> WordSet:
    speakers = np.random.default_rng(2).integers(n_people, size=n_clips).astype(np.str_)
    return WordSet(("a",), PAPER, np.zeros((n_clips, 44, 13), np.float32), np.zeros(n_clips, np.intp), speakers)


def test_a_random_split_takes_ten_percent_to_test_and_ten_of_the_rest_to_validate() -> None:
    split = random_split(people(50, 1000))
    assert (split.test.size, split.val.size, split.train.size) == (100, 90, 810)
    assert sorted(np.concatenate([split.train, split.val, split.test])) == list(range(1000))


def test_a_split_by_speaker_has_the_same_shares_and_no_voice_in_two_parts() -> None:
    word_set = people(300, 3000)
    split = speaker_split(word_set)
    assert sorted(np.concatenate([split.train, split.val, split.test])) == list(range(3000))
    assert abs(split.test.size - 300) < 30
    assert abs(split.val.size - 270) < 30
    voices = [set(word_set.speakers[rows]) for rows in (split.train, split.val, split.test)]
    assert not voices[0] & voices[1]
    assert not voices[0] & voices[2]
    assert not voices[1] & voices[2]


def test_words_of_an_archive_come_with_the_first_coefficients(archive: FeatureArchive) -> None:
    word_set = archive_words(archive)
    every_second = archive_words(archive, every=2)
    assert every_second.mfcc.shape[1] == every_second.settings.n_frames == 49
    np.testing.assert_array_equal(every_second.mfcc, word_set.mfcc[:, ::2])
    assert word_set.mfcc.shape == (120, 98, 13)
    assert word_set.settings.n_mfcc == 13
    assert [word_set.words[label] for label in word_set.labels[::12]] == list(PAPER_WORDS)
    np.testing.assert_allclose(word_set.mfcc[5], archive.mfcc(np.array([5]))[0, :, :13], rtol=1e-4, atol=1e-2)


def test_every_second_frame_is_the_front_end_with_twice_the_hop(archive: FeatureArchive) -> None:
    word_set = archive_words(archive, every=2)
    live = FeatureExtractor(word_set.settings).mfcc(say(3, 5).astype(np.float32))
    np.testing.assert_allclose(word_set.mfcc[3 * 12 + 5], live, atol=0.1)  # the archive keeps 16-bit floats


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


def test_the_network_learns_the_words(results: tuple[Path, dict[str, Experiment]]) -> None:
    experiments = results[1]
    names = [f"{kind}-{split}" for kind in ("recordings", "commands", "shifted") for split in ("random", "speaker")]
    assert list(experiments) == names
    for experiment in experiments.values():
        assert [(run.epochs, run.batch_size) for run in experiment.runs] == list(RUNS)
        assert len(experiment.winner.history["val_accuracy"]) == 6
        # While training, because the running means of the normalisation need more steps than these to arrive.
        assert experiment.winner.history["accuracy"][-1] > 0.7, "ten words by chance would be 0.1"
    assert experiments["shifted-speaker"].word_set.words == PAPER_WORDS


def test_the_winner_is_chosen_by_validation_and_not_by_test() -> None:
    def run(val: tuple[float, float], test: float) -> Run:
        return Run(1, 1, 0.0, {}, (0.0, 1.0), val, (0.0, test))

    runs = [run((0.5, 0.9), 0.99), run((0.4, 0.95), 0.5), run((0.3, 0.95), 0.4)]
    word_set = people(10, 20)
    assert Experiment(word_set, random_split(word_set), runs, Path()).winner is runs[2]


def test_the_network_is_the_papers(results: tuple[Path, dict[str, Experiment]]) -> None:
    experiment = results[1]["recordings-random"]
    # Convolutions 640 + 18,464 + 4,128, normalisations 256 + 128 + 128, dense layers 160 * 64 + 64 and 64 * 10 + 10.
    assert experiment.network(experiment.runs[0]).count_params() == 34_698


def test_finished_runs_are_not_repeated(
    results: tuple[Path, dict[str, Experiment]], recordings: Path, archive: FeatureArchive
) -> None:
    out, experiments = results
    files = sorted((out / "runs").rglob("*.keras"))
    before = [file.stat().st_mtime_ns for file in files]
    (out / "runs" / "recordings-speaker" / "6x8.json").unlink()  # a kill before the record was written
    again = repeat_paper(recordings, out, archive, RUNS)
    changed = [file for file, time in zip(files, before, strict=True) if file.stat().st_mtime_ns != time]
    assert changed == [out / "runs" / "recordings-speaker" / "6x8.keras"]
    assert again["recordings-random"].runs == experiments["recordings-random"].runs
    np.testing.assert_allclose(
        again["recordings-speaker"].runs[0].test, experiments["recordings-speaker"].runs[0].test, atol=1e-3
    )


def test_a_run_on_other_data_is_not_taken_for_finished(
    results: tuple[Path, dict[str, Experiment]], tmp_path: Path
) -> None:
    experiment = results[1]["recordings-random"]
    record = tmp_path / "1x8.json"
    record.write_text(json.dumps({"data": "of other recordings", "epochs": 1}))
    runs = run_settings(experiment.word_set, experiment.split, [(1, 8)], tmp_path)
    assert json.loads(record.read_text())["data"] == data_digest(experiment.word_set, experiment.split)
    assert runs[0].epochs == 1


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


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")  # TensorFlow's converter
def test_report_and_model_come_from_the_runs(
    results: tuple[Path, dict[str, Experiment]], recordings: Path, archive: FeatureArchive, tmp_path: Path
) -> None:
    from kws_live.training.export import FLOAT_NAME, litert_posteriors  # imports TensorFlow's Keras

    out, experiments = results
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
    assert model.card.labels == PAPER_WORDS
    experiment = experiments["shifted-speaker"]
    network, scorer = experiment.network(experiment.winner), model.scorer()
    windows = experiment.word_set.mfcc[experiment.split.test[:5]]
    keras_posteriors = np.asarray(network(windows))
    exact = litert_posteriors((folder / FLOAT_NAME).read_bytes(), windows)
    np.testing.assert_allclose(exact, keras_posteriors, atol=1e-4)
    for window, expected in zip(windows, keras_posteriors, strict=True):
        np.testing.assert_allclose(scorer.score(window).posteriors, expected, atol=0.1)  # 8-bit weights
