from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws_live.audio import Samples
from kws_live.detection import make_settings
from kws_live.errors import ConfigError, DatasetError
from kws_live.evaluation.recorded_run import RecordedRun, record, record_kept
from kws_live.model import Model
from kws_live.model.card import VERIFIER_NAME
from kws_live.model.scorer import Scorer
from kws_live.sources.array import ArraySource
from tests.evaluation.tone_model import ToneModel, ToneScorer
from tests.fakes import decision_settings, tone_words

RATE_HZ = 16_000
TALK = tone_words([("yes", 1.0), ("no", 2.2), ("yes", 3.1), ("stop", 5.0), ("_unknown_", 6.5)], 8.0, RATE_HZ)


@pytest.mark.parametrize("mode", ["command", "spotting"])
@pytest.mark.parametrize("gate_mode", [None, 2])
def test_deciding_again_gives_what_the_run_gave(mode: str, gate_mode: int | None) -> None:
    settings = decision_settings(mode=mode, gate_mode=gate_mode)
    run, detections = record(ToneModel(), settings, ArraySource(TALK, RATE_HZ))
    assert detections
    assert [
        (e.keyword, e.score, e.position, e.decided_position, e.word_end_position) for e in run.decide(settings)
    ] == [(e.keyword, e.score, e.position, e.decided_position, e.word_end_position) for e in detections]


@pytest.mark.slow
def test_deciding_again_gives_what_the_shipped_model_gave(commands_model: Model, demo_audio: Samples) -> None:
    settings = make_settings(commands_model).snapshot()
    run, detections = record(commands_model, settings, ArraySource(demo_audio, 22_050, name=""))
    assert run.decide(settings) == detections


@pytest.mark.parametrize("mode", ["command", "spotting"])
def test_near_a_word_all_its_detections_are_found(mode: str) -> None:
    settings = decision_settings(mode=mode, gate_mode=2)
    talk = np.concatenate([TALK, np.zeros(4 * RATE_HZ, np.float32), TALK])
    run, _ = record(ToneModel(), settings, ArraySource(talk, RATE_HZ))
    wanted = [event for event in run.decide(settings) if event.keyword == "yes"]
    assert len(wanted) == 4
    assert [event for event in run.decide_near("yes", settings) if event.keyword == "yes"] == wanted


@pytest.mark.twin("test_near_a_word_all_its_detections_are_found")
def test_near_a_word_that_was_not_heard_nothing_is_found() -> None:
    settings = decision_settings(gate_mode=None)
    run, _ = record(ToneModel(), settings, ArraySource(TALK[: 2 * RATE_HZ], RATE_HZ))
    assert run.decide(settings)
    assert run.decide_near("stop", settings) == ()


def test_other_settings_give_what_a_new_run_would_give() -> None:
    run, _ = record(ToneModel(), decision_settings(gate_mode=None), ArraySource(TALK, RATE_HZ, name=""))
    other = decision_settings(gate_mode=None, smoothing_hops=3, thresholds={"yes": 0.9, "no": 0.3, "stop": 0.5})
    assert run.decide(other) == record(ToneModel(), other, ArraySource(TALK, RATE_HZ, name=""))[1]


def test_what_is_saved_is_loaded_bit_by_bit(tmp_path: Path) -> None:
    settings = decision_settings(gate_mode=2)
    run, _ = record(ToneModel(), settings, ArraySource(TALK, RATE_HZ))
    run.save(tmp_path / "run.npz")
    loaded = RecordedRun.load(tmp_path / "run.npz")
    assert (loaded.model, loaded.labels, loaded.keywords) == (run.model, run.labels, run.keywords)
    assert (loaded.gate_mode, loaded.seconds) == (2, 8.0)
    for name in ("positions", "gate_open", "levels_db", "posteriors", "cpu_seconds"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(run, name))
    assert loaded.decide(settings) == run.decide(settings)
    assert (tmp_path / "run.npz").stat().st_size < 8 * 2000  # 2 kB a second


def test_another_gate_needs_another_run() -> None:
    run, _ = record(ToneModel(), decision_settings(gate_mode=2), ArraySource(TALK, RATE_HZ))
    with pytest.raises(ConfigError, match="recorded with gate_mode 2, so it cannot be replayed with None"):
        run.decide(decision_settings(gate_mode=None))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no file"):
        RecordedRun.load(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(DatasetError, match="contains no posteriors of a run"):
        RecordedRun.load(tmp_path / "other.npz")
    (tmp_path / "half.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:-30])
    with pytest.raises(DatasetError, match="contains no posteriors of a run"):
        RecordedRun.load(tmp_path / "half.npz")
    (tmp_path / "text.npz").write_text("no archive at all", encoding="utf-8")
    with pytest.raises(DatasetError, match="contains no posteriors of a run"):
        RecordedRun.load(tmp_path / "text.npz")


def test_what_one_network_saw_is_not_taken_for_what_two_did(tmp_path: Path, verified_model: Model) -> None:
    files = {name: digest for name, digest in verified_model.card.files.items() if name != VERIFIER_NAME}
    for model in (verified_model, replace(verified_model, card=replace(verified_model.card, files=files))):
        record_kept(model, make_settings(model).snapshot(), TALK, RATE_HZ, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


class CountingModel(ToneModel):
    """Counts how often it was run."""

    n_runs = 0

    def scorer(self) -> Scorer:
        type(self).n_runs += 1
        return ToneScorer(self.extractor)


def test_a_kept_run_is_used_for_the_same_audio_gate_and_network_only(tmp_path: Path) -> None:
    model, settings = CountingModel(), decision_settings(gate_mode=None)
    first = record_kept(model, settings, TALK, RATE_HZ, tmp_path / "kept")[1]
    again = record_kept(model, decision_settings(gate_mode=None), TALK, RATE_HZ, tmp_path / "kept")[1]
    assert CountingModel.n_runs == 1
    assert [(e.keyword, e.position) for e in first] == [(e.keyword, e.position) for e in again]
    record_kept(model, decision_settings(gate_mode=1), TALK, RATE_HZ, tmp_path / "kept")
    record_kept(model, settings, TALK[1:], RATE_HZ, tmp_path / "kept")
    assert CountingModel.n_runs == 3
