"""CPU cost of a run over a recording, and statistics of the gate."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.evaluation.intervals import NOTHING, Share
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.evaluation.streaming import StreamScore


@dataclass(frozen=True)
class Effort:
    """CPU cost of a run and statistics of the gate; several are added with ``+``.

    Attributes
    ----------
    seconds : of audio
    cpu_seconds : CPU time, from reading the file to the decision
    hops : share of the hops that were scored
    words_passed : share of the keywords during which the gate was open at least once
    hit_cpu_seconds : CPU time of each hop with a correct detection: the machine's part of the delay
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    hops: Share = NOTHING
    words_passed: Share = NOTHING
    hit_cpu_seconds: tuple[float, ...] = ()

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.hops + other.hops,
            self.words_passed + other.words_passed,
            self.hit_cpu_seconds + other.hit_cpu_seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "audio_seconds": round(self.seconds, 3),
            "cpu_ms_per_second": round(1000 * self.cpu_seconds / self.seconds, 3) if self.seconds else None,
            "hops_saved": round(1 - self.hops.value, 4) if self.hops.n else None,
            "words_passed_gate": self.words_passed.to_dict(),
            "compute_median_seconds": round(float(np.median(self.hit_cpu_seconds)), 5)
            if self.hit_cpu_seconds
            else None,
            "compute_95_seconds": round(float(np.quantile(self.hit_cpu_seconds, 0.95)), 5)
            if self.hit_cpu_seconds
            else None,
        }


def effort_of(run: RecordedRun, score: StreamScore) -> Effort:
    """Return the cost of a run."""
    ends = run.positions / SAMPLE_RATE_HZ
    cpu_of = dict(zip(run.positions.tolist(), run.cpu_seconds.tolist(), strict=True))
    passed = 0
    for outcome in score.words:
        # A hop that ends up to 0.1 s after the word's end contains part of it: hops are 0.08 s.
        near = (ends > outcome.label.begin_seconds) & (ends <= outcome.label.end_seconds + 0.1)
        passed += bool(run.gate_open[near].any())
    return Effort(
        run.seconds,
        float(run.cpu_seconds.sum()),
        Share(int(run.gate_open.sum()), run.gate_open.size),
        Share(passed, len(score.words)),
        tuple(cpu_of[outcome.decided_position] for outcome in score.words if outcome.decided_position is not None),
    )
