"""Unpacking, against data that a test packed, and the ways in which data are damaged."""

import pytest

from kws_live.errors import DatasetError
from kws_live.training.corpora.rnc import HEADER, MAGIC, crc16, unpack
from tests.training.packing import pack


def test_bytes_as_they_are_and_repeated_ones_come_out_in_order() -> None:
    packed = pack([[(b"abcdefgh", (3, 7)), (b"", (1, 2)), (b"xyz", None)], [(b"Q", (4, 2)), (b"", None)]])
    assert unpack(packed) == b"abcdefgh" + b"fghfghf" + b"ff" + b"xyz" + b"Q" + b"xy"


def test_a_run_of_any_length_comes_out() -> None:
    long = bytes(range(256)) * 20
    assert unpack(pack([[(long, (5000, 300)), (b"!", None)]])) == long + long[120:420] + b"!"


def test_the_checksum_is_crc_16_arc() -> None:
    assert crc16(b"123456789") == 0xBB3D  # the check value in the catalogue of parametrised CRC algorithms


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        (b"", "do not start with RNC"),
        (b"RNC\x02" + bytes(40), "do not start with RNC"),
        (pack([[(b"abcdefgh", None)]])[:-4], "wrong checksum"),
        (pack([[(b"abcdefgh", None)]])[:24], "end too early"),
        (pack([[(b"abcdefgh", None)]]).replace(b"cde", b"cdd"), "wrong checksum"),
        # 2 bits, three codes of no symbol in 5 bits each, and one run in 16
        (HEADER.pack(MAGIC, 1, 60, 0, 0, 1) + b"\0\0\2" + bytes(57), "unknown code"),
    ],
)
def test_damaged_data_are_refused(packed: bytes, complaint: str) -> None:
    with pytest.raises(DatasetError, match=complaint):
        unpack(packed)


def test_a_repetition_of_what_is_not_there_is_refused() -> None:
    good = pack([[(b"abcd", (4, 3)), (b"", None)]])
    with pytest.raises(DatasetError, match="a repetition refers to data before the beginning"):
        unpack(good.replace(b"abcd", b"", 1))
