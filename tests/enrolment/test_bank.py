from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws_live.enrolment.bank import GAP_HOPS, STEP, Bank, stream_of
from kws_live.enrolment.expectation import false_events
from kws_live.errors import ModelError
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.model.speech_embedding import EMBEDDING_SIZE
from kws_live.model.taught_words import SPAN_HOPS, VECTOR_SIZE, vectors_of
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES

RNG = np.random.default_rng(0)


def run_of(n_hops: int, gate_open: list[bool]) -> RecordedRun:
    """A run of a network that knows one word and silence."""
    is_open = np.array(gate_open)
    return RecordedRun(
        model="a",
        labels=("go", "_silence_"),
        keywords=("go",),
        gate_mode=1,
        seconds=n_hops * 0.08,
        positions=np.arange(1, n_hops + 1) * HOP_SAMPLES,
        gate_open=is_open,
        levels_db=np.full((n_hops, 4), -60.0, np.float32),
        posteriors=RNG.random((int(is_open.sum()), 2)).astype(np.float32),
        cpu_seconds=np.zeros(n_hops, np.float32),
    )


def embeddings(n_hops: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return RNG.normal(0, 1, (n_hops, EMBEDDING_SIZE)).astype(np.float32)


@pytest.fixture
def runs() -> list[RecordedRun]:
    return [run_of(3, [True, False, True]), run_of(2, [True, True])]


@pytest.fixture
def bank(runs: list[RecordedRun]) -> Bank:
    return Bank(
        mean=RNG.normal(0, 0.02, VECTOR_SIZE).astype(np.float32),
        labels=("go", "_silence_"),
        words=("go",),
        word_clips=embeddings(2 * 12).reshape(1, 2, 12, EMBEDDING_SIZE),
        **stream_of(runs, [embeddings(3), embeddings(2)]),  # type: ignore[arg-type]  # their types differ
    )


def test_the_stream_joins_the_runs_with_no_posteriors_where_the_gate_was_shut(
    bank: Bank, runs: list[RecordedRun]
) -> None:
    assert bank.starts.tolist() == [0, 3]
    assert bank.gate_open.tolist() == [True, False, True, True, True]
    assert bank.stream.shape == (5, EMBEDDING_SIZE)
    assert np.array_equal(bank.posteriors[[0, 2, 3, 4]], np.concatenate([run.posteriors for run in runs]))
    assert not bank.posteriors[1].any()
    assert bank.hours == pytest.approx(5 * 0.08 / 3600)


def test_products_are_those_with_the_vector_that_ends_at_each_hop(bank: Bank) -> None:
    stream, weights = embeddings(20), RNG.normal(0, 1, VECTOR_SIZE).astype(np.float32)
    products = replace(bank, stream=stream).products(weights)
    np.testing.assert_allclose(products[SPAN_HOPS - 1 :], vectors_of(stream) @ weights, atol=1e-5)
    assert not products[: SPAN_HOPS - 1].any()


def test_what_lone_words_share_tells_a_word_from_talk_only_half_as_well(bank: Bank) -> None:
    lone = np.mean([vectors_of(clip) for clip in bank.word_clips[0]], axis=(0, 1))
    word = lone + np.float32(0.5) * (lone - bank.mean)  # differs from talk just as lone words do, only more

    def lead_over_talk(others: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        """How far a lone word is on the way from talk to this word."""
        weights = word - others
        return float(weights @ (lone - others)) / float(weights @ (word - others))

    assert lead_over_talk(bank.mean) == pytest.approx(2 / 3, abs=1e-4)
    assert lead_over_talk(bank.others) == pytest.approx(1 / 2, abs=1e-4)


def test_it_survives_its_file_within_its_steps(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "negatives.npz").write_bytes(bank.to_bytes())
    again = Bank.load(tmp_path / "negatives.npz")
    for name in ("stream", "word_clips"):
        assert getattr(again, name) == pytest.approx(getattr(bank, name), abs=STEP / 2 + 1e-6)
    assert np.array_equal(again.mean, bank.mean)
    assert again.posteriors == pytest.approx(bank.posteriors, abs=1 / 500)
    assert np.array_equal(again.gate_open, bank.gate_open)
    assert (again.labels, again.words) == (("go", "_silence_"), ("go",))


def test_the_recorded_stream_is_decided_as_any_run_and_leaves_a_gap_between_recordings(bank: Bank) -> None:
    run = bank.recorded("hoy", np.array([0.9, 0, 0.1, 0.2, 0.3], np.float32))
    assert run.posteriors[:, 0].tolist() == pytest.approx([0.9, 0.1, 0.2, 0.3])
    assert np.array_equal(run.posteriors[:, 1], bank.posteriors[bank.gate_open, 1])
    assert np.diff(run.positions).tolist() == [HOP_SAMPLES, HOP_SAMPLES, (GAP_HOPS + 1) * HOP_SAMPLES, HOP_SAMPLES]
    settings = DecisionSettings(thresholds={"hoy": 0.8}, mode="spotting", smoothing_hops=1, gate_mode=1)
    assert [event.position for event in run.decide(settings)] == [HOP_SAMPLES]


def test_false_events_are_those_of_the_decision(bank: Bank) -> None:
    quiet = replace(bank, gate_open=np.ones(5, bool))
    assert false_events(quiet, "hoy", np.zeros(5, np.float32), 0.5) == (0, 0)
    assert false_events(quiet, "hoy", np.ones(5, np.float32), 0.5)[1] == 1


def test_what_is_no_bank_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "negatives.npz").write_bytes(b"PK\x03\x04 no bank")
    with pytest.raises(
        ModelError, match=r"negatives\.npz is not a bank of negatives: .*; get a complete copy of the model folder"
    ):
        Bank.load(tmp_path / "negatives.npz")
    with pytest.raises(ModelError, match="is not a bank of negatives"):
        Bank.load(tmp_path / "nowhere.npz")
