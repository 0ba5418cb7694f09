"""Unpacks data compressed with method 1 of Rob Northen's ProPack, used by games of the nineties.

A header of 18 bytes (``RNC``, 1, unpacked and packed size, checksums of both, a byte, the number of chunks;
numbers are big-endian) is followed by a bit stream of 16-bit words, little-endian, lowest bit first, with literal bytes
between the words. Each chunk has three Huffman codes, for the number of literal bytes and for distance and length of
repetitions, then literals and repetitions in turn. The checksums are CRC-16 with the polynomial 0xA001.
"""

import struct
from typing import Final

from kws_live.errors import DatasetError

HEADER: Final = struct.Struct(">4sIIHHxB")
MAGIC: Final = b"RNC\x01"
LONGEST_CODE: Final = 15

Codes = dict[tuple[int, int], int]
"""(number of bits, code with its first bit lowest) -> symbol."""


def unpack(packed: bytes) -> bytes:
    """Return the unpacked data.

    Raises
    ------
    DatasetError
        If it is damaged or was packed by another method.
    """
    if len(packed) < HEADER.size or not packed.startswith(MAGIC):
        raise DatasetError("packed data do not start with RNC and 1")
    _, size, packed_size, checksum, _, n_chunks = HEADER.unpack_from(packed)
    bits = _Bits(packed, HEADER.size, min(len(packed), HEADER.size + packed_size))
    out = bytearray()
    bits.read(2)  # flags for locked and encrypted data, not supported
    for _ in range(n_chunks):
        literals, distances, lengths = (_read_codes(bits) for _ in range(3))
        for left in range(bits.read(16) - 1, -1, -1):
            out += bits.read_bytes(_read_number(bits, literals))
            if left:
                distance, length = _read_number(bits, distances) + 1, _read_number(bits, lengths) + 2
                if distance > len(out):
                    raise DatasetError("packed data are damaged: a repetition refers to data before the beginning")
                for _ in range(length):
                    out.append(out[-distance])
    if len(out) != size or crc16(out) != checksum:
        raise DatasetError("packed data are damaged: wrong checksum")
    return bytes(out)


class _Bits:
    """Bit reader for 16-bit words, each read when its first bit is needed; literal bytes follow the last word read."""

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data, self._at, self._end = data, begin, end
        self._held, self._n_held = 0, 0

    def read(self, n: int) -> int:
        """Return the next ``n`` bits, the first lowest."""
        while self._n_held < n:
            self._held |= int.from_bytes(self.read_bytes(2), "little") << self._n_held
            self._n_held += 16
        taken = self._held & ((1 << n) - 1)
        self._held >>= n
        self._n_held -= n
        return taken

    def read_bytes(self, n: int) -> bytes:
        """Return the next ``n`` bytes after the last word read."""
        if self._at >= self._end and n:
            raise DatasetError("packed data are damaged: they end too early")
        taken = self._data[self._at : self._at + n]
        self._at += n
        return taken


def _read_codes(bits: _Bits) -> Codes:
    """Build the canonical Huffman code from the code lengths: shorter codes first, counting upwards."""
    sizes = [bits.read(4) for _ in range(bits.read(5))]
    codes: Codes = {}
    code = 0
    for size in range(1, LONGEST_CODE + 1):
        for symbol in (i for i, given in enumerate(sizes) if given == size):
            codes[size, int(f"{code:0{size}b}"[::-1], 2)] = symbol
            code += 1
        code <<= 1
    return codes


def _read_number(bits: _Bits, codes: Codes) -> int:
    """Read a number: the symbol is its number of bits, of which all but the highest follow."""
    code = 0
    for size in range(LONGEST_CODE):
        code |= bits.read(1) << size
        symbol = codes.get((size + 1, code))
        if symbol is not None:
            return symbol if symbol < 2 else 1 << (symbol - 1) | bits.read(symbol - 1)
    raise DatasetError("packed data are damaged: unknown code")


def crc16(data: bytes | bytearray) -> int:
    """Return the checksum of ProPack, CRC-16/ARC."""
    value = 0
    for byte in data:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC: Final = tuple(_crc_of(byte) for byte in range(256))
