"""Feature archives: folders with the log-mel spectra of many one-second clips, for training.

=================  ================================================================================
log_mel.npy        float16 dB or uint8 pixels, shape (n_clips, n_frames, n_mels), read without loading
index.csv          one row per clip: name, label, speaker, set
settings.json      the front end (`FeatureSettings`) and the conversion of stored values to dB
skipped.csv        name and reason of each clip that could not be used
=================  ================================================================================

They contain log-mel spectra rather than MFCC, because noise, gain and masks apply to mel power, and the cosine
transform to MFCC is a single small product.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kws_live.errors import DatasetError, KwsLiveError
from kws_live.model.features import Features, FeatureSettings, dct_matrix
from kws_live.system.saving import replacing_folder

SetName = Literal["train", "val", "test"]
SET_NAMES: Final[tuple[SetName, ...]] = ("train", "val", "test")

Progress = Callable[[int, int], None]
"""Called with the amount done so far and the total."""


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


BACKGROUND: Final = "_background_noise_"
"""Label of windows cut from long recordings without speech (the folder's name in Speech Commands)."""


@dataclass(frozen=True)
class ClipInfo:
    """One row of an archive's index.

    Attributes
    ----------
    name : unique within the archive; for a file, its path inside the data folder
    label : the word spoken, or `BACKGROUND`
    speaker : the speaker; empty if unknown
    set : training, validation or test; each known speaker is in one set only
    """

    name: str
    label: str
    speaker: str
    set: SetName


@dataclass(frozen=True)
class StoredValues:
    """Conversion of an archive's numbers to dB: ``dB = db_at_zero + db_per_unit * stored``."""

    dtype: Literal["float16", "uint8"]
    db_per_unit: float = 1.0
    db_at_zero: float = 0.0


@dataclass(frozen=True, eq=False)
class FeatureArchive:
    """A feature archive opened for reading.

    Attributes
    ----------
    folder : of the archive
    settings : the front end of its spectra
    values : conversion of ``log_mel`` to dB; see `decibels`
    log_mel : stored values, shape (n_clips, n_frames, n_mels), float16 or uint8, memory-mapped, read-only
    names, labels, speakers, sets : str arrays, shape (n_clips,); see `ClipInfo`
    """

    folder: Path
    settings: FeatureSettings
    values: StoredValues
    log_mel: NDArray[np.float16] | NDArray[np.uint8]
    names: NDArray[np.str_]
    labels: NDArray[np.str_]
    speakers: NDArray[np.str_]
    sets: NDArray[np.str_]

    @classmethod
    def open(cls, folder: Path | str) -> "FeatureArchive":
        """Open an archive and check that its parts are consistent.

        Raises
        ------
        DatasetError
            If a part is missing, unreadable, or inconsistent with the others.
        """
        folder = Path(folder)
        again = "create it again with: kws-live prepare DATA --out FOLDER"
        try:
            document = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
            settings = FeatureSettings.from_dict(document["features"])
            values = StoredValues(**document["values"])
            log_mel = np.load(folder / "log_mel.npy", mmap_mode="r", allow_pickle=False)
            with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
                rows = [(row["name"], row["label"], row["speaker"], row["set"]) for row in csv.DictReader(file)]
        except FileNotFoundError as error:
            raise DatasetError(f"{folder} is not a feature archive ({error.filename} is missing); {again}") from error
        except (OSError, ValueError, KeyError, TypeError, KwsLiveError) as error:
            raise DatasetError(f"feature archive {folder} cannot be read ({error}); {again}") from error
        expected = (len(rows), settings.n_frames, settings.n_mels)
        if log_mel.shape != expected or log_mel.dtype != values.dtype:
            found = f"{log_mel.dtype} {log_mel.shape}"
            raise DatasetError(f"{folder / 'log_mel.npy'} contains {found}, not {values.dtype} {expected}; {again}")
        columns = [np.array(column, dtype=np.str_) for column in zip(*rows, strict=True)]
        return cls(folder, settings, values, log_mel, *columns)

    def rows(self, set_name: SetName, labels: Sequence[str] | None = None) -> NDArray[np.intp]:
        """Return the row numbers of a set, optionally of these labels only, in ascending order."""
        chosen = self.sets == set_name
        if labels is not None:
            chosen &= np.isin(self.labels, labels)
        return np.flatnonzero(chosen)

    def decibels(self, rows: NDArray[np.intp]) -> Features:
        """Return log-mel power of some clips in dB, float32 array, shape (len(rows), n_frames, n_mels)."""
        stored = np.asarray(self.log_mel[rows], dtype=np.float32)
        stored *= np.float32(self.values.db_per_unit)
        stored += np.float32(self.values.db_at_zero)
        return stored

    def mfcc(self, rows: NDArray[np.intp], n_mfcc: int | None = None) -> Features:
        """Return MFCC of some clips, shape (len(rows), n_frames, n_mfcc); default: ``n_mfcc`` of the settings."""
        matrix = dct_matrix(n_mfcc or self.settings.n_mfcc, self.settings.n_mels)
        return np.asarray(self.decibels(rows) @ matrix.T, dtype=np.float32)


def write_archive(
    folder: Path,
    settings: FeatureSettings,
    values: StoredValues,
    clips: Sequence[ClipInfo],
    log_mel: NDArray[np.float16] | NDArray[np.uint8],
    skipped: Iterable[tuple[str, str]] = (),
) -> None:
    """Write an archive next to ``folder`` and move it there when complete, so that no partial archive is ever opened.

    Parameters
    ----------
    folder : Path
        An existing archive is replaced.
    settings, values, clips, log_mel
        See `FeatureArchive`; ``clips`` in the order of ``log_mel``.
    skipped : (name, reason) of each clip that could not be used

    Raises
    ------
    DatasetError
        If ``folder`` contains something other than a feature archive.
    """
    check_target(folder)
    rows = ((clip.name, clip.label, clip.speaker, clip.set) for clip in clips)
    document = {"features": asdict(settings), "values": asdict(values)}
    with replacing_folder(folder) as new:
        np.save(new / "log_mel.npy", log_mel)
        _write_csv(new / "index.csv", ("name", "label", "speaker", "set"), rows)
        _write_csv(new / "skipped.csv", ("name", "reason"), skipped)
        (new / "settings.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def check_target(folder: Path) -> None:
    """Refuse a folder that contains something other than a feature archive.

    Raises
    ------
    DatasetError
        If it does; nothing is changed.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "settings.json").exists()):
        raise DatasetError(f"{folder} exists and is not a feature archive; give a new folder")


def as_set_name(text: str, where: str) -> SetName:
    """Check the name of a set.

    Raises
    ------
    DatasetError
        If it is not one of `SET_NAMES`; ``where`` says where it was found.
    """
    if text not in SET_NAMES:
        raise DatasetError(f"{where}: set {text!r} is not one of {', '.join(SET_NAMES)}")
    return text


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
