"""Run the live pipeline over a recording once and keep the model's output, so that other settings can be tried on it.

What is kept are the `Hop` values, the input of the `Decider`: about 2 MB for an hour of talk.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import Block, Samples
from kws_live.detection import make_pipeline, run
from kws_live.errors import ConfigError, DatasetError
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.sources import AudioSource
from kws_live.sources.array import ArraySource
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.replay import replay
from kws_live.spotting.verdict import Hop
from kws_live.system.saving import replacing

Progress = Callable[[float], None]
"""Called with the number of seconds of audio just processed."""

FORMAT: Final = 1

HOPS_BEFORE, HOPS_AFTER = 45, 20
"""The decision remembers three seconds of levels, and waits at most 1.3 s for a pause."""


class _Counted:
    """A source that counts its samples."""

    def __init__(self, source: AudioSource, progress: Progress | None) -> None:
        self._source, self._progress = source, progress
        self.name, self.rate_hz, self.live = source.name, source.rate_hz, source.live
        self.n_samples = 0

    @property
    def n_overflows(self) -> int:
        return self._source.n_overflows

    def read(self, timeout_seconds: float) -> Block | None:
        block = self._source.read(timeout_seconds)
        if block is not None:
            self.n_samples += block.shape[0]
            if self._progress is not None:
                self._progress(block.shape[0] / self.rate_hz)
        return block

    def close(self) -> None:
        self._source.close()


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A model's output for a recording.

    Attributes
    ----------
    model : its name
    labels, keywords : the network's outputs, and those that can fire
    gate_mode : of the run; there are no posteriors of hops with a closed gate
    seconds : length of the recording
    positions : int64 (n_hops,), end of each window
    gate_open : bool (n_hops,)
    levels_db : float32 (n_hops, levels per hop)
    posteriors : float32 (n_open_hops, n_labels)
    cpu_seconds : float32 (n_hops,), CPU time from hop to hop: reading, resampling, gate, features, network, decision
    """

    model: str
    labels: tuple[str, ...]
    keywords: tuple[str, ...]
    gate_mode: int | None
    seconds: float
    positions: NDArray[np.int64]
    gate_open: NDArray[np.bool_]
    levels_db: NDArray[np.float32]
    posteriors: NDArray[np.float32]
    cpu_seconds: NDArray[np.float32]

    def hops(self) -> Iterator[Hop]:
        """Yield the hops, exactly as the decision got them."""
        rows = iter(self.posteriors)
        for position, is_open, levels in zip(
            self.positions.tolist(), self.gate_open.tolist(), self.levels_db.tolist(), strict=True
        ):
            yield Hop(position, is_open, levels, next(rows) if is_open else None)

    def decide(self, settings: DecisionSettings) -> tuple[Detection, ...]:
        """Return the detections with these settings.

        Raises
        ------
        ConfigError
            If the gate mode differs from that of the run.
        """
        if settings.gate_mode != self.gate_mode:
            raise ConfigError(
                f"this run was recorded with gate_mode {self.gate_mode}, so it cannot be replayed with "
                f"{settings.gate_mode}: run the model again"
            )
        return tuple(replay(self.hops(), self.labels, self.keywords, settings))

    def decide_near(self, word: str, settings: DecisionSettings) -> tuple[Detection, ...]:
        """Return the detections of `decide` in the stretches alone in which a word passes its threshold.

        All of that word's are among them, as it fires nowhere else; where it is rare, they come much sooner.
        """
        scores = np.zeros(len(self.positions), np.float32)
        scores[self.gate_open] = self.posteriors[:, self.labels.index(word)]
        near = np.flatnonzero(scores >= settings.thresholds[word])
        row = np.concatenate([[0], np.cumsum(self.gate_open)])
        found: list[Detection] = []
        for stretch in np.split(near, np.flatnonzero(np.diff(near) > HOPS_BEFORE + HOPS_AFTER) + 1):
            if stretch.size:
                part = slice(max(0, int(stretch[0]) - HOPS_BEFORE), int(stretch[-1]) + HOPS_AFTER)
                run = replace(
                    self,
                    positions=self.positions[part],
                    gate_open=self.gate_open[part],
                    levels_db=self.levels_db[part],
                    posteriors=self.posteriors[row[part][0] : row[: part.stop + 1][-1]],
                )
                found += run.decide(settings)
        return tuple(found)

    def save(self, path: Path) -> None:
        """Write it atomically as one compressed ``.npz`` file."""
        try:
            with replacing(path) as file:
                np.savez_compressed(
                    file,
                    format=FORMAT,
                    model=self.model,
                    labels=np.array(self.labels),
                    keywords=np.array(self.keywords),
                    gate_mode=-1 if self.gate_mode is None else self.gate_mode,
                    seconds=self.seconds,
                    positions=self.positions,
                    gate_open=self.gate_open,
                    levels_db=self.levels_db,
                    posteriors=self.posteriors,
                    cpu_seconds=self.cpu_seconds,
                )
        except OSError as error:
            raise DatasetError(f"cannot write {path}: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> "RecordedRun":
        """Read a file written by `save`.

        Raises
        ------
        DatasetError
            If it is not such a file.
        """
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                if int(file["format"]) != FORMAT:
                    raise ValueError(f"format {int(file['format'])}; this version reads format {FORMAT}")
                gate_mode = int(file["gate_mode"])
                return cls(
                    model=str(file["model"]),
                    labels=tuple(file["labels"].tolist()),
                    keywords=tuple(file["keywords"].tolist()),
                    gate_mode=None if gate_mode < 0 else gate_mode,
                    seconds=float(file["seconds"]),
                    **{
                        name: file[name]
                        for name in ("positions", "gate_open", "levels_db", "posteriors", "cpu_seconds")
                    },
                )
        except FileNotFoundError as error:
            raise DatasetError(f"no file {str(path)!r}; evaluate --keep FOLDER writes them") from error
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, MemoryError) as error:
            raise DatasetError(
                f"{path} contains no posteriors of a run: {error}; evaluate --keep FOLDER writes them"
            ) from error


def record(
    model: Model, settings: DecisionSettings, source: AudioSource, progress: Progress | None = None
) -> tuple[RecordedRun, tuple[Detection, ...]]:
    """Run a model over a source, with the same pipeline as live.

    Parameters
    ----------
    model : the model
    settings : decision settings
    source : read to its end and closed
    progress : called with the number of seconds just processed

    Returns
    -------
    the run, and its detections
    """
    counted = _Counted(source, progress)
    live = LiveSettings(settings)
    hops: list[Hop] = []
    cpu_seconds: list[float] = []
    detections: list[Detection] = []
    pipeline = make_pipeline(model, live)
    since = time.thread_time()
    for step in run(pipeline, counted):
        now = time.thread_time()
        if step.verdict is not None:
            hops.append(step.verdict.hop)
            cpu_seconds.append(now - since)
        detections.extend(event for event in step.events if isinstance(event, Detection))
        since = now
    labels = model.card.labels
    scored = [hop.posteriors for hop in hops if hop.posteriors is not None]
    kept = RecordedRun(
        model=model.card.name,
        labels=labels,
        keywords=model.card.keywords,
        gate_mode=settings.gate_mode,
        seconds=counted.n_samples / counted.rate_hz,
        positions=np.array([hop.position for hop in hops], np.int64),
        gate_open=np.array([hop.gate_open for hop in hops], np.bool_),
        levels_db=np.array([hop.levels_db for hop in hops], np.float32),
        posteriors=np.array(scored, np.float32).reshape(-1, len(labels)),
        cpu_seconds=np.array(cpu_seconds, np.float32),
    )
    return kept, tuple(detections)


def record_kept(
    model: Model,
    settings: DecisionSettings,
    samples: Samples,
    rate_hz: int,
    keep: Path | None,
    progress: Progress | None = None,
) -> tuple[RecordedRun, tuple[Detection, ...]]:
    """Like `record` for an array; with a folder ``keep``, the output is saved there and reused next time.

    The file name is a hash of the audio, the network and the gate. It does not
    depend on the code: empty the folder after a change of features or gate.
    """
    if keep is None:
        return record(model, settings, ArraySource(samples, rate_hz), progress)
    network = model.card.network_sha256
    digest = hashlib.sha256(f"{rate_hz} {settings.gate_mode} {network} ".encode() + samples.tobytes()).hexdigest()
    path = keep / f"{model.card.name}-{digest[:16]}.npz"
    if path.is_file():
        run = RecordedRun.load(path)
        if progress is not None:
            progress(run.seconds)
        return run, run.decide(settings)
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"cannot keep posteriors in {keep}: {error.strerror}") from error
    run, detections = record(model, settings, ArraySource(samples, rate_hz), progress)
    run.save(path)
    return run, detections
