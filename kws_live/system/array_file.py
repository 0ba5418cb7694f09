"""Arrays from untrusted ``.npy`` and ``.npz`` files, checked before anything is allocated."""

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
"""Booleans, integers, floats, text."""


def read_array(content: bytes) -> NDArray[Any]:
    """Return the array in an ``.npy`` file.

    Raises
    ------
    ValueError
        If it is not an ``.npy`` file of real numbers or text, or its length does not match its header.
    """
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of .npy is not supported")
    try:
        shape, _, dtype = readers[version](stream)
    except Exception as error:  # the header is Python source and can fail in any way
        raise ValueError(f"its header cannot be read: {' '.join(str(error).split())}") from error
    n_bytes = len(content) - stream.tell()
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise ValueError(f"an array of {dtype} holds neither real numbers nor text")
    if math.prod(shape) * dtype.itemsize != n_bytes or max(shape, default=0) > n_bytes + 2**20:
        raise ValueError(f"the header says {' x '.join(map(str, shape))} of {dtype}, but {n_bytes:,} bytes follow")
    return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays in an ``.npz`` file by name.

    Raises
    ------
    ValueError
        If it is not an ``.npz`` file, would unpack to more than 256 MB, or contains an unusable array.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if (n_bytes := sum(member.file_size for member in members)) > LARGEST_BYTES:
                raise ValueError(f"it would unpack to {n_bytes:,} bytes; the limit is {LARGEST_BYTES:,}")
            if not all(member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
                raise ValueError("it is compressed in a way that numpy does not use")
            return {member.filename.removesuffix(".npy"): read_array(archive.read(member)) for member in members}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise ValueError(f"it is not an .npz file: {error}") from error
