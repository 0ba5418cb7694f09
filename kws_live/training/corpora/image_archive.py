"""Conversion of a zip file of log-mel spectra as grey-scale images to a feature archive.

The zip contains ``images.csv`` (path, word, speaker, set) and one JPEG per clip: 98 rows, 10 ms apart, by 40 mel
bands, low to high. A pixel is ``round(23.09 * log10(mel power + 10**-6.25) + 146.45)``, so the front end is
`kws_live.model.features.SPEECH` and pixels are kept unchanged; JPEG adds noise of about 1.9 dB.
"""

import csv
import io
import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.errors import DatasetError
from kws_live.model.features import SPEECH
from kws_live.training.dataset import (
    BACKGROUND,
    ClipInfo,
    Progress,
    StoredValues,
    as_set_name,
    check_target,
    no_progress,
    write_archive,
)

PIXELS: Final = StoredValues("uint8", db_per_unit=10 / 23.09, db_at_zero=-10 * 146.45 / 23.09)
"""Conversion of pixels to dB."""


def import_images(
    archive: Path,
    folder: Path,
    on_progress: Progress = no_progress,
) -> int:
    """Create a feature archive from a zip of log-mel images.

    Parameters
    ----------
    archive : Path
        The zip file.
    folder : Path
        The feature archive to create.
    on_progress : called with the number of images read and the total

    Returns
    -------
    int
        Number of clips written.

    Raises
    ------
    DatasetError
        If the zip cannot be read, its list is missing or an image does not match the front end.
    """
    from PIL import Image, UnidentifiedImageError

    check_target(folder)
    try:
        with zipfile.ZipFile(archive) as images:
            with io.TextIOWrapper(images.open("images.csv"), encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            clips = [
                ClipInfo(
                    row["path"],
                    _label(row["word"]),
                    row["speaker"],
                    as_set_name(row["set"], f"images.csv, {row['path']}"),
                )
                for row in rows
            ]
            pixels = np.empty((len(clips), SPEECH.n_frames, SPEECH.n_mels), dtype=np.uint8)
            for number, clip in enumerate(clips):
                with Image.open(io.BytesIO(images.read(clip.name))) as image:
                    picture = np.asarray(image.convert("L"))
                if picture.shape != pixels.shape[1:]:
                    raise DatasetError(f"{archive}: {clip.name} is {picture.shape}, not {pixels.shape[1:]} pixels")
                pixels[number] = picture
                on_progress(number + 1, len(clips))
    except (OSError, zipfile.BadZipFile, KeyError, UnidentifiedImageError) as error:
        raise DatasetError(
            f"{archive} is not an archive of log-mel images ({error}); it needs images.csv and JPEGs"
        ) from error
    write_archive(folder, SPEECH, PIXELS, clips, pixels)
    return len(clips)


def _label(word: str) -> str:
    return BACKGROUND if word == "_background_" else word
