"""Arrays from files of others: ``.npy`` and ``.npz``, looked at before anything is allocated."""

import io
import math
import zipfile
import zlib
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

LARGEST_BYTES: Final = 256 * 2**20
_KINDS: Final = "biufU"
"""Truth values, whole and real numbers, text."""


def read_array(content: bytes) -> NDArray[Any]:
    """The array of an ``.npy`` file.

    Raises
    ------
    ValueError
        If it is none, or it is not of numbers or text, or the file is not as long as its header says.
    """
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"format {version[0]}.{version[1]} of .npy is not known")
    try:
        shape, _, dtype = readers[version](stream)
    except Exception as error:  # the header is Python, and fails in every way that Python can
        raise ValueError(f"its header cannot be read: {' '.join(str(error).split())}") from error
    n_bytes = len(content) - stream.tell()
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise ValueError(f"an array of {dtype} is neither of real numbers nor of text")
    if math.prod(shape) * dtype.itemsize != n_bytes or max(shape, default=0) > n_bytes + 2**20:
        raise ValueError(f"the header says {' x '.join(map(str, shape))} of {dtype}, but {n_bytes:,} bytes follow")
    return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name.

    Raises
    ------
    ValueError
        If it is none, would unpack to more than 256 MB, or one of its arrays cannot be used.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if (n_bytes := sum(member.file_size for member in members)) > LARGEST_BYTES:
                raise ValueError(f"it would unpack to {n_bytes:,} bytes; {LARGEST_BYTES:,} are the most")
            return {member.filename.removesuffix(".npy"): read_array(archive.read(member)) for member in members}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise ValueError(f"it is no .npz file: {error}") from error
