from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import SILENCE, UNKNOWN
from kws_live.errors import DatasetError
from kws_live.evaluation.clips import ClipScore, find_clips, score_clips, score_noise
from kws_live.evaluation.intervals import Share
from tests.evaluation.tone_model import ToneModel, tone
from tests.fakes import KEYWORDS, LABELS


def scored(*pairs: tuple[str, str]) -> ClipScore:
    """Clips as (truth, answer)."""
    posteriors = np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(answer) for _, answer in pairs]]
    return ClipScore(LABELS, KEYWORDS, tuple(truth for truth, _ in pairs), posteriors)


SCORE = scored(
    ("yes", "yes"), ("yes", "yes"), ("yes", "no"), ("no", "no"), ("stop", UNKNOWN),
    (UNKNOWN, UNKNOWN), (UNKNOWN, "stop"), (UNKNOWN, SILENCE), (UNKNOWN, UNKNOWN),
    (SILENCE, SILENCE), (SILENCE, UNKNOWN), (SILENCE, "yes"),
)  # fmt: skip


def test_shares_are_of_their_classes() -> None:
    assert SCORE.accuracy == Share(6, 12)  # yes 2, no 1, unknown 2, silence 1
    assert SCORE.ten_words == Share(3, 5)  # of the five clips of keywords
    assert SCORE.unknown_fired == Share(1, 4)  # silence is no keyword
    assert SCORE.noise_fired == Share(1, 3)
    assert SCORE.recall() == {
        SILENCE: Share(1, 3), UNKNOWN: Share(2, 4), "yes": Share(2, 3), "no": Share(1, 1), "stop": Share(0, 1),
    }  # fmt: skip


def test_confusion_counts_every_clip_once() -> None:
    table = SCORE.confusion()
    assert list(table) == list(LABELS)
    assert table["yes"] == {SILENCE: 0, UNKNOWN: 0, "yes": 2, "no": 1, "stop": 0}
    assert sum(sum(row.values()) for row in table.values()) == 12


def test_json_has_the_names_that_others_read() -> None:
    figures = SCORE.to_dict()
    assert {key: figures[key] for key in ("accuracy", "ten_words", "unknown_fired", "noise_fired", "n_clips")} == {
        "accuracy": 0.5, "ten_words": 0.6, "unknown_fired": 0.25, "noise_fired": 0.33333, "n_clips": 12,
    }  # fmt: skip
    assert figures["intervals"]["accuracy"] == pytest.approx(Share(6, 12).interval, abs=1e-5)
    assert scored(("yes", "yes")).to_dict()["noise_fired"] is None


def test_classes_the_network_has_no_output_for_count_in_no_accuracy() -> None:
    labels = ("yes", "no")
    score = ClipScore(labels, labels, ("yes", UNKNOWN, SILENCE), np.array([[1, 0], [0, 1], [1, 0]], np.float32))
    assert score.accuracy == Share(1, 1)
    assert (score.unknown_fired, score.noise_fired) == (Share(1, 1), Share(1, 1))


def write(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz)


def test_class_folders_of_any_rate_and_length_are_scored_once_each(tmp_path: Path) -> None:
    write(tmp_path / "yes" / "short.wav", tone("yes", 0.5))
    write(tmp_path / "yes" / "long.wav", np.concatenate((np.zeros(16_000), tone("yes", 1.0), np.zeros(16_000))))
    write(tmp_path / "no" / "fast.flac", tone("no", 0.6, 44_100), 44_100)
    write(tmp_path / "stop" / "stereo.wav", np.stack([tone("stop", 0.6)] * 2, axis=1))
    write(tmp_path / "bed" / "0.wav", tone("_unknown_", 0.6))
    write(tmp_path / "_silence_" / "0.wav", np.random.default_rng(0).normal(0, 1e-3, 16_000))
    (tmp_path / "yes" / "notes.txt").write_text("no clip", encoding="utf-8")
    model = ToneModel()
    clips = find_clips(tmp_path, model.card.labels)
    assert [clip.label for clip in clips] == [SILENCE, UNKNOWN, "no", "stop", "yes", "yes"]
    done: list[float] = []
    score = score_clips(model, clips, done.append)
    assert (score.accuracy, score.ten_words) == (Share(6, 6), Share(4, 4))
    assert sum(done) == 6


def test_no_clips_and_broken_clips_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        find_clips(tmp_path / "absent", LABELS)
    with pytest.raises(DatasetError, match="contains no clips; it needs one folder of clips per word"):
        find_clips(tmp_path, LABELS)
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "broken.wav").write_bytes(b"RIFF and no more")
    with pytest.raises(DatasetError, match=r"broken.wav cannot be read as audio"):
        score_clips(ToneModel(), find_clips(tmp_path, LABELS))


def test_noise_is_judged_second_by_second_without_digital_silence(tmp_path: Path) -> None:
    faint = np.random.default_rng(0).normal(0, 1e-3, 16_000)
    # Three and a half seconds: a tone, noise, digital silence, and a half second that is no window.
    write(tmp_path / "siren" / "0.wav", np.concatenate((tone("yes", 1.0), faint, np.zeros(16_000), faint[:8000])))
    write(tmp_path / "rain" / "0.wav", np.concatenate((faint, faint)))
    score = score_noise(ToneModel(), tmp_path)
    assert score.by_folder == {"rain": Share(0, 2), "siren": Share(1, 2)}
    assert score.fired == Share(1, 4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="contains no sound files"):
        score_noise(ToneModel(), tmp_path / "empty")


@pytest.mark.slow
def test_the_shipped_model_beats_chance_by_far_on_real_clips(real_data: Path) -> None:
    from kws_live.model import load_model

    model = load_model()
    every = find_clips(real_data / "test", model.card.labels)
    score = score_clips(model, every[::20])
    assert score.accuracy.n == len(every[::20])
    assert score.accuracy.value > 0.6
    assert score.noise_fired.value < 0.2


def test_the_share_of_words_that_open_the_gate_counts_keywords_alone() -> None:
    score = ClipScore(
        LABELS, KEYWORDS, ("yes", "no", "_unknown_"), np.eye(len(LABELS), dtype=np.float32)[:3], (True, False, True)
    )
    assert score.gate_passed == Share(1, 2)
