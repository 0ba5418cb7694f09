"""From one window of audio to MFCC, by the one function that training and listening share.

The arithmetic is librosa's (`librosa.feature.mfcc`), done in numpy from a mel filter bank that librosa
built, because librosa rebuilds the bank at each call and its first call costs seconds. Tests hold the two equal.

References
----------
S. Davis, P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
continuously spoken sentences", IEEE Trans. ASSP 28(4), 1980.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import WINDOW_SECONDS, Samples
from kws_live.errors import ConfigError, ModelError

Features = NDArray[np.float32]
"""MFCC of a window, shape (n_frames, n_mfcc)."""


@dataclass(frozen=True)
class FeatureSettings:
    """How a model's features are made; it travels in the model's card.

    Attributes
    ----------
    sample_rate_hz : rate of the audio the features are computed from
    n_fft : length of the Fourier transform, samples
    frame_samples : length of the Hann window, centred in ``n_fft``
    hop_samples : step between frames, samples
    n_mels, fmin_hz, fmax_hz : the mel filter bank
    mel_scale : "slaney" or "htk"
    mel_norm : "slaney" (equal area) or "peak" (peak of 1)
    n_mfcc : coefficients kept, the first ones
    centered : pad by ``n_fft // 2`` zeros at both ends (librosa's ``center=True``); otherwise the frames lie
        within the window
    floor : "clamp": power below ``floor_power`` is raised to it (librosa); "add": ``floor_power`` is added
    floor_power : the smallest mel power
    top_db : clip at this many dB below the window's maximum; None: do not. It makes a frame depend on the
        whole window, so the default model goes without.
    """

    sample_rate_hz: int
    n_fft: int
    frame_samples: int
    hop_samples: int
    n_mels: int
    fmin_hz: float
    fmax_hz: float
    mel_scale: Literal["slaney", "htk"]
    mel_norm: Literal["slaney", "peak"]
    n_mfcc: int
    centered: bool
    floor: Literal["clamp", "add"]
    floor_power: float
    top_db: float | None

    def __post_init__(self) -> None:
        self._require_kinds()
        if not 0 < self.frame_samples <= self.n_fft <= 65_536:
            raise ConfigError(f"frame_samples {self.frame_samples} must be 1 to n_fft ({self.n_fft}, at most 65536)")
        if not 0 < self.hop_samples <= self.window_samples:
            raise ConfigError(f"hop_samples {self.hop_samples} must be 1 to one second ({self.window_samples})")
        if not 0 < self.n_mfcc <= self.n_mels <= 512:
            raise ConfigError(f"n_mfcc {self.n_mfcc} must be 1 to n_mels ({self.n_mels}, at most 512)")
        if not 0 <= self.fmin_hz < self.fmax_hz <= self.sample_rate_hz / 2:
            raise ConfigError(
                f"mel filters from {self.fmin_hz} to {self.fmax_hz} Hz do not fit {self.sample_rate_hz} Hz"
            )
        if not 0 < self.floor_power <= 1e6:
            raise ConfigError(f"floor_power {self.floor_power} must be above 0, at most 1e6")
        if self.top_db is not None and not 0 < self.top_db <= 1e6:
            raise ConfigError(f"top_db {self.top_db} must be above 0, at most 1e6, or absent")

    def _require_kinds(self) -> None:
        """Raise a ConfigError where a value is no whole number, or none of the choices."""
        for name in ("sample_rate_hz", "n_fft", "frame_samples", "hop_samples", "n_mels", "n_mfcc"):
            if type(getattr(self, name)) is not int:
                raise ConfigError(f"{name} {getattr(self, name)!r} must be a whole number")
        # A card's misspelt choice must not quietly become another front end.
        for name, choices in (
            ("mel_scale", ("slaney", "htk")),
            ("mel_norm", ("slaney", "peak")),
            ("floor", ("clamp", "add")),
            ("centered", (True, False)),
        ):
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} {getattr(self, name)!r} must be {choices[0]!r} or {choices[1]!r}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FeatureSettings":
        """Build from a card's JSON object; a missing or unknown key is a ModelError."""
        try:
            return cls(**values)
        except (TypeError, ConfigError) as error:
            raise ModelError(f"feature settings in the model card cannot be used: {error}") from error

    @property
    def window_samples(self) -> int:
        """Samples in one window at ``sample_rate_hz``."""
        return round(WINDOW_SECONDS * self.sample_rate_hz)

    @property
    def n_frames(self) -> int:
        """Frames of one window: each starts ``hop_samples`` after the one before."""
        span = 0 if self.centered else self.frame_samples
        return 1 + (self.window_samples - span) // self.hop_samples

    def mel_filters(self) -> NDArray[np.float32]:
        """Build the filter bank with librosa, shape (n_mels, 1 + n_fft // 2). Needs the ``train`` extra."""
        import librosa

        bank: NDArray[np.float32] = librosa.filters.mel(
            sr=self.sample_rate_hz,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.fmin_hz,
            fmax=self.fmax_hz,
            htk=self.mel_scale == "htk",
            norm="slaney" if self.mel_norm == "slaney" else None,
            dtype=np.float32,
        )
        return bank


PAPER = FeatureSettings(
    sample_rate_hz=22_050,
    n_fft=2048,
    frame_samples=2048,
    hop_samples=512,
    n_mels=128,
    fmin_hz=0.0,
    fmax_hz=11_025.0,
    mel_scale="slaney",
    mel_norm="slaney",
    n_mfcc=13,
    centered=True,
    floor="clamp",
    floor_power=1e-10,
    top_db=80.0,
)
"""The founding paper's: ``librosa.feature.mfcc(y, sr=22050, n_mfcc=13, n_fft=2048, hop_length=512)``, 44 x 13."""

SPEECH = FeatureSettings(
    sample_rate_hz=16_000,
    n_fft=512,
    frame_samples=480,
    hop_samples=160,
    n_mels=40,
    fmin_hz=0.0,
    fmax_hz=4000.0,
    mel_scale="htk",
    mel_norm="peak",
    n_mfcc=40,
    centered=False,
    floor="add",
    floor_power=10**-6.25,
    top_db=None,
)
"""The default model's: 30 ms frames each 10 ms, 40 bands up to 4 kHz, 98 x 40, every coefficient kept."""


def dct_matrix(n_mfcc: int, n_mels: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II as a matrix, shape (n_mfcc, n_mels): ``mfcc = log_mel @ dct_matrix(...).T``."""
    order = np.arange(n_mfcc)[:, np.newaxis]
    basis: NDArray[np.float64] = np.cos(np.pi * order * (2 * np.arange(n_mels) + 1) / (2 * n_mels)) * np.sqrt(
        2.0 / n_mels
    )
    basis[0] /= np.sqrt(2.0)
    return basis.astype(np.float32)


class FeatureExtractor:
    """Computes the features one `FeatureSettings` describes, with its matrices ready.

    Parameters
    ----------
    settings : FeatureSettings
    mel_filters : float32 array, shape (n_mels, 1 + n_fft // 2), optional
        The bank from the model folder. Without it librosa builds it.

    Raises
    ------
    ModelError
        If the bank does not have the shape the settings ask for.
    """

    def __init__(self, settings: FeatureSettings, mel_filters: NDArray[np.float32] | None = None) -> None:
        bank = settings.mel_filters() if mel_filters is None else np.asarray(mel_filters, dtype=np.float32)
        expected = (settings.n_mels, 1 + settings.n_fft // 2)
        if bank.shape != expected or not np.isfinite(bank).all():
            raise ModelError(
                f"mel filters have shape {bank.shape}; the feature settings need finite values, {expected}"
            )
        self.settings = settings
        self.mel_filters = bank
        # Filters that end below the highest bin let the product skip the rest: about half of it for 4 kHz of 8.
        used = int(np.flatnonzero(bank.any(axis=0))[-1]) + 1 if bank.any() else 1
        self._bank = np.ascontiguousarray(bank[:, :used].T)
        # Summed in float64: coefficient 0 is in the thousands, where a float32 sum is off by 1e-3.
        self._dct = dct_matrix(settings.n_mfcc, settings.n_mels).T.astype(np.float64)

    @cached_property
    def _hann(self) -> NDArray[np.float32]:
        """Periodic Hann window; zero-padded evenly to ``n_fft``, as librosa does, where frames are centred."""
        n, n_fft = self.settings.frame_samples, self.settings.n_fft
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
        before = (n_fft - n) // 2
        return (np.pad(hann, (before, n_fft - n - before)) if self.settings.centered else hann).astype(np.float32)

    def power(self, window: Samples) -> NDArray[np.float32]:
        """Power spectrum of each frame of a window, up to the highest frequency that the filters let through.

        Parameters
        ----------
        window : float32 array, shape (n_samples,), at ``settings.sample_rate_hz``
            Usually one second; any length of at least one frame works. Several, stacked along axes before the last,
            give what each gives by itself, bit for bit.

        Returns
        -------
        float32 array, shape (n_frames, n_bins)

        Raises
        ------
        ValueError
            If the window is shorter than a frame.
        """
        s = self.settings
        if s.centered:
            window = np.pad(window, [*[(0, 0)] * (window.ndim - 1), (s.n_fft // 2, s.n_fft // 2)])
        *stack, n_samples = window.shape
        n_frames = 1 + (n_samples - self._hann.size) // s.hop_samples
        if n_frames < 1:
            raise ValueError(f"a window of {n_samples} samples is shorter than a frame of {self._hann.size}")
        *steps, step = window.strides
        # Not sliding_window_view, which takes as long as the transform of the eight frames that are new in a hop.
        frames = np.lib.stride_tricks.as_strided(
            window, (*stack, n_frames, self._hann.size), (*steps, s.hop_samples * step, step), writeable=False
        )
        # Where the frame is shorter than the transform, zeros follow it instead of standing on both sides as in
        # librosa: that turns phases and leaves the power as it is.
        spectrum = np.fft.rfft(frames * self._hann, s.n_fft)[..., : self._bank.shape[0]]
        return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), dtype=np.float32)

    def log_mel(self, window: Samples) -> Features:
        """Log mel power in dB, shape (n_frames, n_mels), of a window as `power` takes it."""
        return self._log_mel(self.power(window))

    def _log_mel(self, power: NDArray[np.float32]) -> Features:
        s = self.settings
        mel = power @ self._bank
        mel = np.maximum(mel, s.floor_power) if s.floor == "clamp" else mel + np.float32(s.floor_power)
        db = 10.0 * np.log10(mel)
        if s.top_db is not None:
            db = np.maximum(db, db.max(axis=(-2, -1), keepdims=True) - s.top_db)
        log_mel: Features = np.asarray(db, dtype=np.float32)
        return log_mel

    def mfcc(self, window: Samples) -> Features:
        """MFCC of a window as `power` takes it, equal to librosa's within float32 rounding.

        Returns
        -------
        float32 array, shape (n_frames, n_mfcc)
        """
        return self.mfcc_of(self.power(window))

    def mfcc_of(self, power: NDArray[np.float32]) -> Features:
        """MFCC of frames whose `power` is known."""
        return (self._log_mel(power) @ self._dct).astype(np.float32)
