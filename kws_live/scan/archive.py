"""Search thousands of hours: files are cut into excerpts, workers find words in them, a journal records what is done.

A worker that dies is replaced and its excerpts are repeated; a file that repeatedly kills its worker is listed
as broken. The result does not depend on the number of workers or on interruptions.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError, DatasetError, SourceUnavailableError
from kws_live.events import Detection
from kws_live.model import Model
from kws_live.scan.excerpt import GRID_SECONDS, Excerpt, Found
from kws_live.scan.journal import Journal
from kws_live.sources import require_rate
from kws_live.sources.sound_file import as_named, why_not_read
from kws_live.sources.sound_folder import FFMPEG_SUFFIXES, INSTALL, KINDS, has_ffmpeg, sound_files
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.saving import replacing, write_file

EXCERPT_SECONDS: Final = 600
"""Long enough that the lead-in costs little (2 %), short enough to split a long file among many workers."""


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the given files and every sound file below the given folders, sorted and without duplicates.

    Raises
    ------
    DatasetError
        If a path does not exist, or there is nothing to scan.
    """
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise DatasetError(f"no file or folder {str(path)!r}")
        if not path.is_dir() and not path.is_file():
            raise DatasetError(f"{str(path)!r} is a pipe or a device; a scan reads files, and more than once")
        found.update(sound_files(path, deep=True) if path.is_dir() else [path])
    if not found:
        raise DatasetError(f"no sound files in {', '.join(map(str, paths))}; supported: {KINDS}")
    return sorted(found)


def cut(path: Path, excerpt_seconds: int = EXCERPT_SECONDS) -> tuple[list[Excerpt], float, str]:
    """Return a file's excerpts, its length in seconds, and the reason if it is broken."""
    import soundfile

    try:
        about = soundfile.info(as_named(path))
        require_rate(about.samplerate, "it")
    except SourceUnavailableError as error:
        return [], 0.0, str(error)
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
        if path.suffix.lower() not in FFMPEG_SUFFIXES:
            return [], 0.0, why_not_read(error)
        if not has_ffmpeg():
            return [], 0.0, f"to read it, {INSTALL}"
        return [Excerpt(str(path))], 0.0, ""  # the whole file: ffmpeg cannot seek to a sample
    if not about.frames:
        return [], 0.0, "it contains no samples"
    seconds = float(about.duration)
    begins = range(0, max(1, int(seconds)), excerpt_seconds)
    ends = [*begins[1:], None]
    return [Excerpt(str(path), begin, end) for begin, end in zip(begins, ends, strict=True)], seconds, ""


Runner = Callable[[Model, DecisionSettings, Sequence[Excerpt]], Iterator[Found]]
"""Finds words in excerpts, in any order; see `kws_live.scan.workers`."""


@dataclass(frozen=True)
class ScanResult:
    """Result of a scan.

    Attributes
    ----------
    detections : by file, then by time
    broken : file -> reason why it could not be read to its end
    n_files, audio_seconds, cpu_seconds : totals, including earlier sessions of the same scan
    """

    detections: tuple[Detection, ...]
    broken: dict[str, str] = field(default_factory=dict)
    n_files: int = 0
    audio_seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def hours_per_cpu_hour(self) -> float:
        """Hours of audio processed per hour of CPU."""
        return self.audio_seconds / self.cpu_seconds if self.cpu_seconds else 0.0


def scan(
    paths: Iterable[Path],
    out: Path,
    model: Model,
    settings: DecisionSettings,
    runner: Runner,
    excerpt_seconds: int = EXCERPT_SECONDS,
    on_start: Callable[[float], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> ScanResult:
    """Find words in files and write them to a parquet file.

    Parameters
    ----------
    paths : files and folders
    out : the parquet file; next to it are a journal during the scan, and a list of broken files if there are any
    model, settings : the model and its decision settings
    runner : runs the work
    excerpt_seconds : length of the parts into which files are cut, a multiple of 2
    on_start : called with the total number of seconds
    progress : called with the number of seconds just completed

    Raises
    ------
    KwsLiveError
        If there is nothing to scan, ``out`` exists or cannot be written, or the journal belongs to another scan.
    """
    if excerpt_seconds < 2 * GRID_SECONDS or excerpt_seconds % GRID_SECONDS:
        raise ConfigError(f"excerpts of {excerpt_seconds} s must be a multiple of {GRID_SECONDS} s, at least 4 s")
    if out.exists():
        raise ConfigError(f"{out} exists; delete it or give another --out")
    require_pyarrow()
    files = find_files(paths)
    journal = Journal(out.with_name(out.name + ".journal"), _header(model, settings, excerpt_seconds))
    try:
        excerpts, seconds, broken = _cut_all(files, excerpt_seconds)
        if on_start is not None:
            on_start(seconds)
        wanted = {(excerpt.path, excerpt.begin_seconds) for excerpt in excerpts}
        kept = [found for key, found in journal.done.items() if key in wanted]
        if progress is not None:
            progress(sum(found.audio_seconds for found in kept))
        left = [excerpt for excerpt in excerpts if (excerpt.path, excerpt.begin_seconds) not in journal.done]
        for found in runner(model, settings, left):
            journal.add(found)
            kept.append(found)
            if progress is not None:
                progress(found.audio_seconds)
    finally:
        journal.close()
    kept.sort(key=lambda found: (found.excerpt.path, found.excerpt.begin_seconds))
    for found in kept:
        if found.broken:
            broken.setdefault(found.excerpt.path, found.broken)
    result = ScanResult(
        tuple(event for found in kept for event in found.detections),
        dict(sorted(broken.items())),
        len(files),
        sum(found.audio_seconds for found in kept),
        sum(found.cpu_seconds for found in kept),
    )
    _write(out, result, model, settings)
    journal.path.unlink()
    return result


def _cut_all(files: Sequence[Path], excerpt_seconds: int) -> tuple[list[Excerpt], float, dict[str, str]]:
    """Return the files' excerpts, their total seconds, and the broken files with reasons."""
    excerpts: list[Excerpt] = []
    seconds, broken = 0.0, {}
    for path in files:
        parts, length, reason = cut(path, excerpt_seconds)
        excerpts += parts
        seconds += length
        if reason:
            broken[str(path)] = reason
    return excerpts, seconds, broken


def _header(model: Model, settings: DecisionSettings, excerpt_seconds: int) -> dict[str, Any]:
    active = None if settings.active is None else sorted(settings.active)
    return {
        "model": model.card.name,
        "files": dict(model.card.files),
        "settings": {**asdict(settings), "active": active},
        "excerpt_seconds": excerpt_seconds,
    }


def require_pyarrow() -> None:
    """Check that pyarrow is installed, before hours of work.

    Raises
    ------
    ConfigError
        If it is missing.
    """
    try:
        import pyarrow  # noqa: F401 - check that it is installed
    except ImportError as error:
        raise ConfigError('parquet needs pyarrow: pip install "kws-live[archives]"') from error


def _as_text(name: str) -> str:
    """Return a file name as valid UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _write(out: Path, result: ScanResult, model: Model, settings: DecisionSettings) -> None:
    """Write the table, and the list of broken files next to it, each atomically."""
    import pyarrow as pa
    from pyarrow import parquet

    events = result.detections
    columns = {
        "file": pa.array([_as_text(event.source) for event in events], pa.string()).dictionary_encode(),
        "keyword": pa.array([event.keyword for event in events], pa.string()).dictionary_encode(),
        "seconds": pa.array([event.position / SAMPLE_RATE_HZ for event in events], pa.float64()),
        "decided_seconds": pa.array([event.decided_position / SAMPLE_RATE_HZ for event in events], pa.float64()),
        "word_end_seconds": pa.array(
            [None if e.word_end_position is None else e.word_end_position / SAMPLE_RATE_HZ for e in events],
            pa.float64(),
        ),
        "score": pa.array([event.score for event in events], pa.float32()),
    }
    table = pa.table(columns).replace_schema_metadata({"kws_live": json.dumps(_header(model, settings, 0))})
    broken = io.StringIO()
    csv.writer(broken, lineterminator="\n").writerows([("file", "reason"), *result.broken.items()])
    try:
        if result.broken:
            write_file(out.with_suffix(".broken.csv"), broken.getvalue().encode("utf-8", "backslashreplace"))
        with replacing(out) as file:
            parquet.write_table(table, file)
    except OSError as error:
        raise ConfigError(
            f"cannot write {out}: {error.strerror or error}; the results are kept in {out.name}.journal: "
            "run the same command again"
        ) from error
