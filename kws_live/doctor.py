"""Diagnosis of microphone and machine: the checks of `signal_health`, and those that need a device or a clock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, Block, finite
from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import AudioGapError, SourceLostError, SourceUnavailableError
from kws_live.live.capture import POLL_SECONDS
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.sources import AudioSource, open_source, optional
from kws_live.stream.findings import Finding
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.stream.signal_health import Measurement, SignalHealth
from kws_live.system.clock import wall_seconds

LISTEN_SECONDS: Final = 8.0
SHORT_RATE_TOLERANCE: Final = 0.04
"""Within a few seconds a single late block accounts for 0.02."""

SPEED_SECONDS: Final = 4.0
LEAST_SPEED: Final = 3.0
"""Multiple of real time below which other programs have too little CPU left; below 1 listening itself is too slow."""


@dataclass(frozen=True)
class Report:
    """Result of a diagnosis.

    Attributes
    ----------
    source : name of the source, or the address given if it could not be opened
    rate_hz : of the source; 0 if it could not be opened
    speed : processing speed with every hop scored, as a multiple of real time
    findings : problems, worst first
    measurement : levels and rates; None if the source could not be opened
    """

    source: str
    rate_hz: int
    speed: float
    findings: tuple[Finding, ...]
    measurement: Measurement | None

    @property
    def fit(self) -> bool:
        """Whether no finding is more than possible."""
        return all(finding.certainty == "possible" for finding in self.findings)


def examine(
    source: str = "mic:",
    seconds: float = LISTEN_SECONDS,
    model: str = DEFAULT_MODEL,
    on_progress: Callable[[float], None] | None = None,
    keep: Callable[[Block, int], None] | None = None,
) -> Report:
    """Measure the speed of the machine, then listen to a source for a while; keeps no audio.

    Parameters
    ----------
    source : as in `kws_live.sources`
    seconds : how long to listen
    model : the model whose speed is measured
    on_progress : called with the number of seconds recorded so far
    keep : called with every block and its rate, to save the audio

    Raises
    ------
    KwsLiveError
        If the model cannot be used, or the audio cannot be read.
    """
    speed = listening_speed(model)
    slow = Finding("slow_machine", f"it listens at {speed:.1f} times real time", "likely" if speed > 1 else "certain")
    findings = [slow] if speed < LEAST_SPEED else []
    try:
        opened = open_source(source, paced=False)
    except SourceUnavailableError as error:
        return Report(source, 0, speed, (Finding(error.finding, str(error)), *findings), None)
    if n_others := optional.n_namesakes(opened):
        findings.append(Finding("same_name", f"{n_others + 1} devices are called {opened.name!r}"))
    try:
        heard, measurement = _listen(opened, seconds, on_progress, keep)
    finally:
        opened.close()
    return Report(opened.name, opened.rate_hz, speed, (*heard, *findings), measurement)


def _blocks(source: AudioSource, seconds: float) -> Iterator[Block]:
    """Yield up to ``seconds`` of audio; ends after a time limit if the source delivers too little."""
    n_samples = 0
    end = time.monotonic() + 3 * seconds + 5
    while n_samples < seconds * source.rate_hz and time.monotonic() < end:
        try:
            block = source.read(POLL_SECONDS)
        except AudioGapError:
            continue  # counted by the source
        if block is None:
            return
        if block.shape[0]:
            n_samples += block.shape[0]
            yield finite(block)


def _listen(
    source: AudioSource,
    seconds: float,
    on_progress: Callable[[float], None] | None,
    keep: Callable[[Block, int], None] | None,
) -> tuple[list[Finding], Measurement]:
    health = SignalHealth(source.rate_hz)
    found: dict[str, Finding] = {}
    n_samples = 0
    try:
        for block in _blocks(source, seconds):
            n_samples += block.shape[0]
            arrived = wall_seconds() if source.live else None
            for change in health.feed(block, arrived, source.n_overflows):
                found.setdefault(change.finding.name, change.finding)
            if keep is not None:
                keep(block, source.rate_hz)
            if on_progress is not None:
                on_progress(n_samples / source.rate_hz)
    except SourceLostError as error:
        found["source_lost"] = Finding("source_lost", str(error))
    measurement = health.measurement()
    if n_samples and "zeros" not in found and measurement.no_speech:
        summary = f"nothing is louder than the room noise: {measurement.snr_db:.0f} dB"
        found["no_speech"] = Finding("no_speech", summary, "possible")
    rate = measurement.rate_hz
    if rate is not None and abs(rate / source.rate_hz - 1) > SHORT_RATE_TOLERANCE:
        summary = f"{rate:,.0f} samples arrive per second instead of {source.rate_hz:,}"
        found.setdefault("wrong_rate", Finding("wrong_rate", summary, "likely"))
    if not n_samples and not found:
        found["source_lost"] = Finding("source_lost", "no audio arrived")
    return sorted(found.values(), key=lambda finding: ("certain", "likely", "possible").index(finding.certainty)), (
        measurement
    )


def always_verified(model: Model) -> Model:
    """The model with its second network, if it has one, asked at every hop."""
    return replace(model, card=replace(model.card, verifier_bar=0.0))


def listening_speed(model: str = DEFAULT_MODEL) -> float:
    """Return the speed of one core with every network scoring every hop, as a multiple of real time."""
    loaded = always_verified(load_model(model))
    settings = make_settings(loaded)
    settings.change(gate_mode=None)
    pipeline = make_pipeline(loaded, settings)
    ring = RingBuffer(round((SPEED_SECONDS + 1) * SAMPLE_RATE_HZ))
    noise = np.random.default_rng(0).normal(0, 0.01, ring.capacity_samples).astype(np.float32)
    ring.write(noise)
    for _ in range(5):  # the first hops include set-up
        pipeline.step(ring)
    # CPU time, not wall-clock time, so that other programs running now do not count.
    begin, n_hops = time.thread_time(), sum(1 for _ in pipeline.steps(ring))
    return n_hops * HOP_SECONDS / max(time.thread_time() - begin, 1e-6)
