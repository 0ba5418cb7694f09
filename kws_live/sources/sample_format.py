"""Convert bytes to samples: the formats of raw PCM, and detection of file headers in a stream."""

import struct
from typing import Final, NamedTuple

import numpy as np

from kws_live.audio import Block
from kws_live.errors import AudioError, SourceUnavailableError

FORMATS: Final = ("s16", "s32", "f32", "s24", "u8")
"""Little-endian, channels interleaved."""

_N_BYTES: Final = {"s16": 2, "s32": 4, "f32": 4, "s24": 3, "u8": 1}

_FILES: Final = {b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"ID3": "an MP3 file", b"\x1a\x45\xdf\xa3": "WebM"}
_WAVES: Final = (b"RIFF", b"RF64")
LARGEST_HEADER: Final = 65_536


def to_block(pcm: bytes, sample_format: str, n_channels: int) -> Block:
    """Return the whole samples in raw PCM, float32 (n_samples, n_channels); NaN and infinity become 0."""
    pcm = pcm[: len(pcm) - len(pcm) % (_N_BYTES[sample_format] * n_channels)]
    if sample_format == "f32":
        samples = np.nan_to_num(np.frombuffer(pcm, "<f4"), posinf=0.0, neginf=0.0)
    elif sample_format == "s16":
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(2**15)
    elif sample_format == "s32":
        samples = np.frombuffer(pcm, "<i4").astype(np.float32) / np.float32(2**31)
    elif sample_format == "s24":  # as the upper three of four bytes
        wide = np.zeros((len(pcm) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    else:
        samples = np.frombuffer(pcm, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
    return np.asarray(samples, dtype=np.float32).reshape(-1, n_channels)


class Wave(NamedTuple):
    """The content of a WAV header; ``n_bytes`` is the header's length."""

    rate_hz: int
    n_channels: int
    sample_format: str
    n_bytes: int


def read_wave_header(head: bytes) -> Wave | None:
    """Read a WAV file's header; None while it is incomplete.

    Its lengths are ignored: a recorder that writes into a pipe, or was interrupted, cannot fill them in.

    Raises
    ------
    AudioError
        If it is not a WAV header, or its samples are not plain PCM.
    """
    if len(head) < 12:
        return None
    if head[:4] not in _WAVES or head[8:12] != b"WAVE":
        raise AudioError("it begins like a WAV file, but is not one")
    at, layout = 12, b""
    while len(head) >= at + 8:
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if name == b"data":
            return _wave(layout, at + 8)
        if at + 8 + size > LARGEST_HEADER:
            raise AudioError("its WAV header is too long")
        if name == b"fmt ":
            layout = head[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return None


def _wave(layout: bytes, n_bytes: int) -> Wave:
    if len(layout) < 16:
        raise AudioError("its WAV header does not give the sample format")
    kind, n_channels, rate_hz, _, _, n_bits = struct.unpack("<HHIIHH", layout[:16])
    if kind == 0xFFFE and len(layout) >= 26:  # the extensible header: the actual format comes later
        kind = int.from_bytes(layout[24:26], "little")
    sample_format = {(1, 8): "u8", (1, 16): "s16", (1, 24): "s24", (1, 32): "s32", (3, 32): "f32"}.get((kind, n_bits))
    if sample_format is None or not 1 <= n_channels <= 64:
        raise AudioError(
            f"its WAV header gives format {kind} with {n_bits} bits in {n_channels} channels, which is not supported"
        )
    return Wave(rate_hz, n_channels, sample_format, n_bytes)


class PcmDecoder:
    """Cuts a stream of bytes into whole samples, once its first bytes have shown that it is raw PCM.

    Parameters
    ----------
    rate_hz, n_channels, sample_format : of the bytes; a WAV header overrides channels and format
    """

    def __init__(self, rate_hz: int, n_channels: int = 1, sample_format: str = "s16") -> None:
        self.n_channels = n_channels
        self._rate_hz = rate_hz
        self._format = sample_format
        self._is_begun = False
        self._rest = b""

    def feed(self, got: bytes) -> Block:
        """Add bytes; return the whole samples so far, float32 (n_samples, n_channels).

        Raises
        ------
        AudioError
            If the bytes are a sound file, or a WAV file of another rate.
        """
        self._rest += got
        if not self._is_begun:
            self._is_begun = self._skip_head()
        return self._whole() if self._is_begun else self._empty()

    def finish(self) -> Block:
        """Return what was held back until the format was certain."""
        self._is_begun = True
        return self._whole()

    def _empty(self) -> Block:
        return np.zeros((0, self.n_channels), np.float32)

    def _whole(self) -> Block:
        block = to_block(self._rest, self._format, self.n_channels)
        self._rest = self._rest[block.size * _N_BYTES[self._format] :]
        return block

    def _skip_head(self) -> bool:
        """Check the first bytes; False while it is undecided whether they are a file's header."""
        head = self._rest
        for magic, kind in _FILES.items():
            if head.startswith(magic):
                raise AudioError(f"it is {kind}, not raw samples; save it and name the file, or use ffmpeg:FILE")
        if head[4:8] == b"ftyp":
            raise AudioError("it is an MP4 file, not raw samples; save it and use ffmpeg:FILE")
        if head.startswith(_WAVES):
            wave = read_wave_header(head)
            if wave is None:
                return False
            if wave.rate_hz != self._rate_hz:
                raise AudioError(
                    f"its WAV header gives {wave.rate_hz} Hz, not {self._rate_hz} Hz; "
                    f"use stdin:{wave.rate_hz} or ?rate={wave.rate_hz}"
                )
            self.n_channels, self._format = wave.n_channels, wave.sample_format
            self._rest = head[wave.n_bytes :]
            return True
        is_start = any(magic.startswith(head[: len(magic)]) for magic in (*_FILES, *_WAVES))
        may_be_mp4 = len(head) < 8 and not any(head[:3])
        return not is_start and not may_be_mp4


def require_format(name: str, source: str) -> str:
    """Return the format if it is known; raise a SourceUnavailableError otherwise."""
    if name not in FORMATS:
        raise SourceUnavailableError(f"{source}: {name!r} is not a sample format; use one of {', '.join(FORMATS)}")
    return name
