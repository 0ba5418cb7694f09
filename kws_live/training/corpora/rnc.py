"""Unpacks data that Rob Northen's ProPack packed by its method 1, as games of the nineties did.

After a header of 18 bytes (``RNC``, 1, sizes unpacked and packed, checksums of both, a byte, the number of chunks;
numbers are big-endian) follow bits in words of 16, little-endian, the lowest first, and between the words bytes as they
are. Each chunk holds three Huffman codes, for the length of bytes as they are and for distance and length of what is
repeated, and then both in turn. The checksums are CRC-16 with the polynomial 0xA001.
"""

import struct
from typing import Final

from kws_live.errors import DatasetError

HEADER: Final = struct.Struct(">4sIIHHxB")
MAGIC: Final = b"RNC\x01"
LONGEST_CODE: Final = 15

Codes = dict[tuple[int, int], int]
"""(bits, the code with its first bit lowest) -> symbol."""


def unpack(packed: bytes) -> bytes:
    """What was packed.

    Raises
    ------
    DatasetError
        If it is damaged or was packed otherwise.
    """
    if len(packed) < HEADER.size or not packed.startswith(MAGIC):
        raise DatasetError("packed data do not start with RNC and 1")
    _, size, packed_size, checksum, _, n_chunks = HEADER.unpack_from(packed)
    bits = _Bits(packed, HEADER.size, min(len(packed), HEADER.size + packed_size))
    out = bytearray()
    bits.read(2)  # whether it is locked and has a key, which these are not
    for _ in range(n_chunks):
        literals, distances, lengths = (_read_codes(bits) for _ in range(3))
        for left in range(bits.read(16) - 1, -1, -1):
            out += bits.read_bytes(_read_number(bits, literals))
            if left:
                distance, length = _read_number(bits, distances) + 1, _read_number(bits, lengths) + 2
                if distance > len(out):
                    raise DatasetError("packed data are damaged: they repeat what is not there")
                for _ in range(length):
                    out.append(out[-distance])
    if len(out) != size or crc16(out) != checksum:
        raise DatasetError("packed data are damaged: their checksum does not fit")
    return bytes(out)


class _Bits:
    """Words of 16 bits, each read when its first bit is wanted; bytes in between follow the word read last."""

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data, self._at, self._end = data, begin, end
        self._held, self._n_held = 0, 0

    def read(self, n: int) -> int:
        """The next ``n`` bits, the first lowest."""
        while self._n_held < n:
            self._held |= int.from_bytes(self.read_bytes(2), "little") << self._n_held
            self._n_held += 16
        taken = self._held & ((1 << n) - 1)
        self._held >>= n
        self._n_held -= n
        return taken

    def read_bytes(self, n: int) -> bytes:
        """The next ``n`` bytes after the word read last."""
        if self._at >= self._end and n:
            raise DatasetError("packed data are damaged: they end too early")
        taken = self._data[self._at : self._at + n]
        self._at += n
        return taken


def _read_codes(bits: _Bits) -> Codes:
    """The code of each symbol, from their lengths: shorter ones first, in order, as if counted upwards."""
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
    """A symbol is how many bits a number has; all but its highest follow."""
    code = 0
    for size in range(LONGEST_CODE):
        code |= bits.read(1) << size
        symbol = codes.get((size + 1, code))
        if symbol is not None:
            return symbol if symbol < 2 else 1 << (symbol - 1) | bits.read(symbol - 1)
    raise DatasetError("packed data are damaged: a code is none of the chunk's")


def crc16(data: bytes | bytearray) -> int:
    """The checksum of ProPack, which is CRC-16/ARC."""
    value = 0
    for byte in data:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC: Final = tuple(_crc_of(byte) for byte in range(256))
