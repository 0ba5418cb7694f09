"""Download of a data set: one archive over HTTP, verified, then unpacked.

The archive is kept as ``NAME.part`` until it is complete and its SHA-256 matches; an interrupted download resumes
where it stopped, if the server supports it. (pooch, a dependency of librosa, always starts over, and
this archive has 2.4 GB.)
"""

import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kws_live.errors import DatasetError
from kws_live.system.saving import replacing_folder
from kws_live.training.dataset import Progress, no_progress

CHUNK_BYTES: Final = 2**20
SPARE_BYTES: Final = 200 * 2**20
"""Disk space that is always left free."""
TRIES: Final = 5
"""Maximum connections per archive, as long as each one makes progress."""
TIMEOUT_SECONDS: Final = 60.0

FreeBytes = Callable[[Path], int]


@dataclass(frozen=True)
class RemoteArchive:
    """A tar archive on the web.

    Attributes
    ----------
    url : http or https address
    sha256 : of the archive, hexadecimal; None: not checked
    unpacked_bytes : disk space of its files; None: assumed to be twice the archive's size
    """

    url: str
    sha256: str | None
    unpacked_bytes: int | None = None


SPEECH_COMMANDS: Final = RemoteArchive(
    "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    unpacked_bytes=3_800_000_000,  # 105,829 clips of at most 32 kB, and six background recordings
)
"""Speech Commands v0.02, 2,428,923,189 bytes, CC BY 4.0. The SHA-256 is the one in TensorFlow Datasets:
https://github.com/tensorflow/datasets/blob/333639b37af6c6fedf3610a4a2d42f1c6ef6f7d5/tensorflow_datasets/url_checksums/speech_commands.txt
"""


def free_bytes(folder: Path) -> int:
    """Return the free disk space in bytes at ``folder``."""
    return shutil.disk_usage(folder).free


def download(
    archive: RemoteArchive, folder: Path, on_progress: Progress = no_progress, free: FreeBytes = free_bytes
) -> Path:
    """Download an archive into ``folder``, unless it is already there.

    Parameters
    ----------
    archive : RemoteArchive
    folder : Path
        Created if missing.
    on_progress : called with the number of bytes on disk and the size of the archive
    free : returns the free disk space

    Returns
    -------
    Path
        The verified archive.

    Raises
    ------
    DatasetError
        If the download fails, the disk is or becomes too full, or the SHA-256 is wrong (the file is
        then removed, because resuming cannot help).
    """
    parts = urlsplit(archive.url)
    if parts.scheme not in ("http", "https") or not Path(parts.path).name:
        raise DatasetError(f"{archive.url!r} is not an http or https address of a file")
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / Path(parts.path).name
    if whole.exists():
        _check_digest(whole, archive)
        return whole
    partial = whole.with_name(whole.name + ".part")
    for attempt in range(TRIES):
        before = partial.stat().st_size if partial.exists() else 0
        try:
            _fetch(archive, partial, on_progress, free)
            break
        except (OSError, HTTPException) as error:
            got = partial.stat().st_size if partial.exists() else 0
            # A status such as 404 will not change; a broken connection is retried as long as each attempt gets further.
            if isinstance(error, urllib.error.HTTPError) or got <= before or attempt == TRIES - 1:
                raise DatasetError(
                    f"cannot fetch {archive.url}: {error}; {got:,} bytes are kept, the same command resumes there"
                ) from error
    _check_digest(partial, archive)
    partial.replace(whole)
    return whole


def _fetch(archive: RemoteArchive, partial: Path, on_progress: Progress, free: FreeBytes) -> None:
    """Download the missing part; a broken connection raises OSError or HTTPException."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # no more data: complete or a wrong file, as the digest will show
            return
        raise
    with response:
        if have and response.status != 206:
            have = 0  # the server cannot resume and sends the whole file
        total = have + _content_length(response)
        _check_space(archive, partial.parent, total - have, total, free)
        with partial.open("ab" if have else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                if free(partial.parent) < SPARE_BYTES:
                    raise DatasetError(
                        f"the disk of {partial.parent} is full; free {total - have + SPARE_BYTES:,} bytes "
                        "and run the same command again; it resumes here"
                    )
                file.write(chunk)
                have += len(chunk)
                on_progress(have, max(total, have))
    if have < total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")


def _content_length(response: HTTPResponse) -> int:
    return int(response.headers.get("Content-Length") or 0)


def _check_space(archive: RemoteArchive, folder: Path, missing: int, total: int, free: FreeBytes) -> None:
    needed = missing + (archive.unpacked_bytes or 2 * total) + SPARE_BYTES
    if (there := free(folder)) < needed:
        raise DatasetError(
            f"{archive.url} needs {needed:,} bytes of disk space when unpacked; {folder} has {there:,}; "
            "free some or give another folder with --to"
        )


def _check_digest(path: Path, archive: RemoteArchive) -> None:
    if archive.sha256 is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != archive.sha256.lower():
        path.unlink()
        raise DatasetError(
            f"{path.name} has SHA-256 {digest}, not {archive.sha256}; it was removed: run the same command "
            f"again; if it happens twice, {archive.url} is not the expected file"
        )


def unpack(archive: Path, folder: Path, on_progress: Progress = no_progress, free: FreeBytes = free_bytes) -> Path:
    """Unpack a tar archive into ``folder``, which appears when it is complete.

    Only plain files and folders are unpacked, and none outside ``folder``.

    Parameters
    ----------
    archive : Path
    folder : Path
        If it exists, nothing is done.
    on_progress : called with the number of bytes read and the size of the archive
    free : returns the free disk space

    Raises
    ------
    DatasetError
        If the archive is damaged, contains a link, a device or a path outside the folder, or the disk becomes full.
    """
    if folder.exists():
        return folder
    size = archive.stat().st_size
    try:
        with (
            replacing_folder(folder) as new,
            archive.open("rb") as file,
            tarfile.open(fileobj=file, mode="r:*") as members,
        ):
            for member in members:
                if not (member.isfile() or member.isdir()):
                    raise DatasetError(f"{archive.name} contains {member.name!r}, which is neither file nor folder")
                if free(new) < SPARE_BYTES + member.size:
                    raise DatasetError(
                        f"the disk of {folder.parent} is full; free some space and run the same command again"
                    )
                _extract(members, member, new)
                on_progress(min(file.tell(), size), size)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{archive} cannot be unpacked: {error}; remove it and download it again") from error
    return folder


def _extract(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one file or folder below ``folder``; tarfile has a filter for this only since Python 3.11.4."""
    target = (folder / member.name.lstrip("/")).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"{member.name!r} would be outside the destination")
    content = members.extractfile(member)
    if content is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
