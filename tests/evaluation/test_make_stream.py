from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import SPEECH_LABEL, UNKNOWN
from kws_live.errors import AudioError, ConfigError
from kws_live.evaluation.labels import Label, read_labels
from kws_live.evaluation.make_stream import (
    LEVEL_SPREAD_DB,
    RATE_HZ,
    WORD_LEVEL_DB,
    StreamSettings,
    make_stream,
    write_stream,
)
from kws_live.evaluation.material import Material, find_material
from tests.evaluation.tone_model import ToneModel
from tests.fakes import KEYWORDS


def material(data: Path, noise: bool = True, talk: bool = True) -> Material:
    return find_material(data / "clips", KEYWORDS, data / "noise" if noise else None, [data / "talk"] if talk else [])


def test_the_same_seed_gives_the_same_stream_and_another_another(data: Path) -> None:
    one, labels = make_stream(material(data), StreamSettings(n_words=12, seed=3))
    two, same_labels = make_stream(material(data), StreamSettings(n_words=12, seed=3))
    np.testing.assert_array_equal(one, two)
    assert labels == same_labels
    assert make_stream(material(data), StreamSettings(n_words=12, seed=4))[1] != labels


def test_labels_are_where_the_sound_is(data: Path) -> None:
    samples, labels = make_stream(material(data, noise=False, talk=False), StreamSettings(n_words=10))
    loud = np.zeros(samples.size, bool)
    for label in labels:
        loud[round(label.begin_seconds * RATE_HZ) : round(label.end_seconds * RATE_HZ)] = True
        assert label.end_seconds - label.begin_seconds == pytest.approx(0.4, abs=0.021)
    assert np.abs(samples[~loud]).max() < 0.05 * np.abs(samples[loud]).max()


@pytest.mark.slow
def test_every_word_is_spotted_in_its_stream(data: Path, tmp_path: Path) -> None:
    from kws_live.evaluation.intervals import Share
    from kws_live.evaluation.streaming import measure_stream
    from tests.fakes import decision_settings

    samples, labels = make_stream(material(data, noise=False), StreamSettings(n_words=20, unknown_share=0.4))
    write_stream(tmp_path / "a.flac", tmp_path / "a.csv", samples, labels)
    _, score = measure_stream(ToneModel(), decision_settings(gate_mode=None), tmp_path / "a.flac", tmp_path / "a.csv")
    n_words = sum(label.word in KEYWORDS for label in labels)
    assert score.hits == Share(n_words, n_words)
    assert (score.unknown_fired.count, len(score.false)) == (0, 0)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_words_stand_above_the_noise_by_the_snr(data: Path, snr_db: float) -> None:
    settings = StreamSettings(n_words=30, snr_db=snr_db, unknown_share=0.0)
    clean, labels = make_stream(material(data, noise=False, talk=False), settings)
    levels = []
    for label in labels:
        part = clean[round(label.begin_seconds * RATE_HZ) : round(label.end_seconds * RATE_HZ)]
        levels.append(10 * np.log10(np.mean(part**2)))
    assert np.mean(levels) == pytest.approx(WORD_LEVEL_DB, abs=1.5)
    assert np.ptp(levels) <= 2 * LEVEL_SPREAD_DB + 0.5
    noisy, same = make_stream(material(data, talk=False), settings)
    assert same == labels  # the noise changes nothing else
    noise_db = 10 * np.log10(np.mean((noisy - clean) ** 2))
    assert WORD_LEVEL_DB - noise_db == pytest.approx(snr_db, abs=0.5)


def test_gaps_unknown_words_and_talk_are_as_asked_for(data: Path) -> None:
    settings = StreamSettings(
        n_words=60, unknown_share=0.5, talk_share=0.2, least_gap_seconds=1.0, most_gap_seconds=1.5, seed=5
    )
    _, labels = make_stream(material(data), settings)
    words = [label for label in labels if label.word != SPEECH_LABEL]
    assert len(words) == 60
    assert sum(label.word == UNKNOWN for label in words) == pytest.approx(30, abs=10)
    assert 4 <= len(labels) - 60 <= 22
    gaps = [b.begin_seconds - a.end_seconds for a, b in pairwise(labels)]
    # Each side of a word may have 50 ms to spare, and its bounds are known to 10 ms.
    assert min(gaps) >= 1.0
    assert max(gaps) <= 1.5 + 0.125
    counts = [sum(label.word == word for label in words) for word in ("yes", "no")]
    assert abs(counts[0] - counts[1]) <= 1  # dealt evenly


def test_stream_and_labels_are_written_both_or_none(data: Path, tmp_path: Path) -> None:
    samples, labels = make_stream(material(data), StreamSettings(n_words=3))
    write_stream(tmp_path / "a.flac", tmp_path / "a.csv", samples, labels)
    read, rate_hz = soundfile.read(tmp_path / "a.flac", dtype="float32")
    assert rate_hz == RATE_HZ
    np.testing.assert_allclose(read, samples, atol=1 / 32768)
    assert [label.word for label in read_labels(tmp_path / "a.csv", KEYWORDS, samples.size / RATE_HZ)] == [
        label.word for label in labels
    ]
    before = sorted(path.name for path in tmp_path.iterdir())
    for out, csv in (
        (tmp_path / "b.xyz", tmp_path / "b.csv"),
        (tmp_path / "b.flac", tmp_path / "no" / "b.csv"),
        (tmp_path / "a.flac", tmp_path / "a.flac"),
    ):
        with pytest.raises(AudioError, match=r"cannot write|would overwrite"):
            write_stream(out, csv, samples, labels)
        assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_words": 0}, "a stream of 0 words cannot be built"),
        ({"seed": -1}, "seed -1 must be 0 or above"),
        ({"snr_db": 200.0}, "SNR 200 dB must be -30 to 100"),
        ({"unknown_share": 1.5}, "unknown_share 1.5 must be 0 to 1"),
        ({"least_gap_seconds": 3.0, "most_gap_seconds": 1.0}, "gaps of 3 to 1 s"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StreamSettings(**values)  # type: ignore[arg-type]


def test_a_label_names_its_clip(data: Path) -> None:
    _, labels = make_stream(material(data, noise=False, talk=False), StreamSettings(n_words=1, unknown_share=0.0))
    assert labels == (Label(labels[0].begin_seconds, labels[0].end_seconds, labels[0].word, labels[0].clip),)
    assert labels[0].clip.startswith(f"{labels[0].word}/")
