"""From recordings to a feature archive, in parallel, and resumable after a kill.

Recordings are processed in pieces of 256. A finished piece is a file next to the future archive; a later run
with the same recordings and front end reuses it. The archive's bytes do not depend on the number of
processes, because every recording is processed independently and always in a worker.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.errors import DatasetError
from kws_live.model.features import FeatureExtractor, FeatureSettings
from kws_live.system.saving import replacing
from kws_live.system.workers import WorkerPool
from kws_live.training.dataset import Progress, StoredValues, check_target, no_progress, write_archive
from kws_live.training.recordings import Recording, find_recordings, read_second

PIECE: Final = 256


@dataclass(frozen=True)
class Preparation:
    """Result of `prepare`.

    Attributes
    ----------
    counts : label -> number of clips written
    skipped : name -> reason of each recording that could not be used
    """

    counts: dict[str, int]
    skipped: dict[str, str]


def prepare(
    data: Path, folder: Path, settings: FeatureSettings, jobs: int | None = None, on_progress: Progress = no_progress
) -> Preparation:
    """Create a feature archive from recordings.

    Parameters
    ----------
    data : Path
        See `kws_live.training.recordings.find_recordings`.
    folder : Path
        The archive to create.
    settings : FeatureSettings
    jobs : number of processes; None: one per core
    on_progress : called with the number of recordings done and the total

    Raises
    ------
    DatasetError
        If the recordings cannot be found, a class has no usable one, or the archive cannot be written; the pieces stay
        for the next run.
    """
    try:
        return _prepare(data, folder, settings, jobs, on_progress)
    except OSError as error:
        raise DatasetError(
            f"cannot make {folder}: {error}; the same command resumes once that is mended, or give another --out"
        ) from error


def _prepare(
    data: Path, folder: Path, settings: FeatureSettings, jobs: int | None, on_progress: Progress
) -> Preparation:
    check_target(folder)
    recordings = find_recordings(data)
    pieces = [recordings[i : i + PIECE] for i in range(0, len(recordings), PIECE)]
    work = folder.with_name(f"{folder.name}.pieces-{_fingerprint(recordings, settings)}")
    work.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(len(pieces)) if not _piece_path(work, number).exists()]
    done = len(recordings) - sum(len(pieces[number]) for number in missing)
    on_progress(done, len(recordings))
    if missing:
        arguments = (settings, settings.mel_filters(), work)
        n_workers = min(jobs or os.cpu_count() or 1, len(missing))
        try:
            with WorkerPool(n_workers, _start_worker, arguments) as pool:
                futures = {pool.submit(_make_piece, number, pieces[number]): number for number in missing}
                try:
                    for future in as_completed(futures):
                        future.result()
                        done += len(pieces[futures[future]])
                        on_progress(done, len(recordings))
                except BaseException:  # Ctrl-C must not wait for the remaining pieces
                    pool.shutdown(cancel_futures=True)
                    raise
        except BrokenProcessPool as error:
            raise DatasetError(
                "a worker process died (out of memory?); run the same command again, "
                "which resumes; fewer --jobs need less memory"
            ) from error
    result = _join(pieces, work, folder, settings)
    shutil.rmtree(work)
    return result


def _join(pieces: list[list[Recording]], work: Path, folder: Path, settings: FeatureSettings) -> Preparation:
    skipped: dict[str, str] = {}
    for number in range(len(pieces)):
        with np.load(_piece_path(work, number), allow_pickle=False) as stored:
            skipped |= json.loads(str(stored["skipped"]))
    clips = [recording.clip for piece in pieces for recording in piece]
    used = [clip for clip in clips if clip.name not in skipped]
    counts = Counter(clip.label for clip in used)
    for clip in clips:
        if not counts[clip.label]:
            reason = f"the first, {clip.name}, {skipped[clip.name]}"
            raise DatasetError(f"class {clip.label!r} has no usable recording: {reason}")
    # On disk, because a large data set does not fit into memory twice.
    log_mel = np.lib.format.open_memmap(
        work / "log_mel.npy", "w+", np.float16, (len(used), settings.n_frames, settings.n_mels)
    )
    filled = 0
    for number in range(len(pieces)):
        with np.load(_piece_path(work, number), allow_pickle=False) as stored:
            values = stored["log_mel"]
        log_mel[filled : filled + len(values)] = values
        filled += len(values)
    write_archive(folder, settings, StoredValues("float16"), used, log_mel, sorted(skipped.items()))
    return Preparation(dict(sorted(counts.items())), skipped)


def _fingerprint(recordings: Sequence[Recording], settings: FeatureSettings) -> str:
    """Return a hash of the front end and of every recording's name, size and modification time."""
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for recording in recordings:
        try:
            status = recording.path.stat()
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(f"{recording.clip} {recording.path} {state}\n".encode())
    return digest.hexdigest()[:16]


def _piece_path(work: Path, number: int) -> Path:
    return work / f"{number:06d}.npz"


_extractor: FeatureExtractor
_work: Path


def _start_worker(settings: FeatureSettings, mel_filters: NDArray[np.float32], work: Path) -> None:
    """Initialise a worker; with the parent's filter bank it need not import librosa."""
    global _extractor, _work
    _extractor = FeatureExtractor(settings, mel_filters)
    _work = work


def _make_piece(number: int, recordings: Sequence[Recording]) -> None:
    settings = _extractor.settings
    values, skipped = [], {}
    for recording in recordings:
        try:
            window = read_second(recording, settings.sample_rate_hz)
        except DatasetError as error:
            skipped[recording.clip.name] = str(error)
        else:
            values.append(_extractor.log_mel(window).astype(np.float16))
    log_mel = np.array(values, np.float16).reshape(-1, settings.n_frames, settings.n_mels)
    path = _piece_path(_work, number)
    with replacing(path) as file:
        np.savez(file, log_mel=log_mel, skipped=np.array(json.dumps(skipped)))
