import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.system.array_file import read_array, read_arrays


def npy(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def with_header(header: str, content: bytes = b"") -> bytes:
    padded = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + content


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 2), np.float32),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(7),
        np.array(["yes", "größe"]),
        np.array([True]),
        np.zeros((0, 64), np.float16),
        np.array([], np.str_),
    ],
)
def test_an_array_is_what_was_saved(array: Any) -> None:
    read = read_array(npy(array))
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read_arrays(npz(a=array, b=1))["a"], array)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        npy(np.zeros(3))[:-1],
        npy(np.zeros(3)) + b"x",
        npy(np.zeros(3, complex)),
        npy(np.array([{}]), allow_pickle=True),
        npy(np.array(["2020-01-01"], "datetime64[D]")),
        npy(np.zeros(2, [("a", "f4")])),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 0)}"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2)}", bytes(8)),
        with_header("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}"),
        with_header("{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}"),
        with_header("{"),
    ],
    ids=range(14),
)
def test_what_is_no_array_of_numbers_or_text_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_array(content)


@pytest.mark.slow
def test_an_archive_that_would_unpack_to_too_much_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abc":
            archive.writestr(f"{name}.npy", bytes(90 * 2**20))
    with pytest.raises(ValueError, match="unpack to"):
        read_arrays(buffer.getvalue())


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_is_a_value_error_or_harmless(damage: list[tuple[int, int]]) -> None:
    content = bytearray(npz(a=np.arange(9), names=np.array(["yes"])))
    for at, value in damage:
        content[at % len(content)] = value
    try:
        read_arrays(bytes(content))
    except ValueError:
        return


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_numpy_does_not_write_is_refused(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.npy", npy(np.arange(9)))
    with pytest.raises(ValueError, match="compressed in a way that numpy does not use"):
        read_arrays(buffer.getvalue())
