"""Packs data by ProPack's method 1, plainly: what a test needs to see it unpacked."""

import struct
from collections.abc import Sequence

from kws_live.training.corpora.rnc import crc16

Repeat = tuple[int, int]
"""How far back, and how many bytes."""


class BitWriter:
    """Bits in words of 16, the lowest first; a word takes its place when its first bit is written."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._word_at, self._n_used = 0, 16

    def put(self, value: int, n: int) -> None:
        for i in range(n):
            if self._n_used == 16:
                self._word_at, self._n_used = len(self.data), 0
                self.data += b"\0\0"
            self.data[self._word_at + self._n_used // 8] |= (value >> i & 1) << self._n_used % 8
            self._n_used += 1

    def put_number(self, value: int) -> None:
        """As a code of four bits for how many bits it has, then all but the highest."""
        n_bits = value.bit_length()
        self.put(int(f"{n_bits:04b}"[::-1], 2), 4)
        self.put(value - (1 << n_bits >> 1), max(n_bits - 1, 0))


def pack(chunks: Sequence[Sequence[tuple[bytes, Repeat | None]]]) -> bytes:
    """Each chunk is bytes as they are and what is repeated after them, in turn; nothing is repeated at its end."""
    bits, out = BitWriter(), bytearray()
    bits.put(0, 2)
    for chunk in chunks:
        for _ in range(3):
            bits.put(16, 5)
            for _ in range(16):
                bits.put(4, 4)
        bits.put(len(chunk), 16)
        for literal, repeat in chunk:
            bits.put_number(len(literal))
            bits.data += literal
            out += literal
            if repeat:
                bits.put_number(repeat[0] - 1)
                bits.put_number(repeat[1] - 2)
                for _ in range(repeat[1]):
                    out.append(out[-repeat[0]])
    header = struct.pack(
        ">4sIIHHBB", b"RNC\x01", len(out), len(bits.data), crc16(out), crc16(bits.data), 0, len(chunks)
    )
    return header + bytes(bits.data)
