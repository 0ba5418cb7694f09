"""From one window of audio to MFCC, with the same code in training and listening.

The computation is that of `librosa.feature.mfcc`, in numpy with a mel filter bank built by librosa,
because librosa rebuilds the bank at each call and its first call takes seconds. Tests compare the two.

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
    """Parameters of a model's features, stored in its card.

    Attributes
    ----------
    sample_rate_hz : rate of the audio the features are computed from
    n_fft : length of the Fourier transform, samples
    frame_samples : length of the Hann window, centred in ``n_fft``
    hop_samples : step between frames, samples
    n_mels, fmin_hz, fmax_hz : the mel filter bank
    mel_scale : "slaney" or "htk"
    mel_norm : "slaney" (equal area) or "peak" (peak of 1)
    n_mfcc : number of coefficients kept
    centered : pad with ``n_fft // 2`` zeros at both ends (librosa's ``center=True``); otherwise all frames are
        within the window
    floor : "clamp": power below ``floor_power`` is raised to it (librosa); "add": ``floor_power`` is added
    floor_power : minimum mel power
    top_db : clip at this many dB below the window's maximum; None: no clipping. It makes a frame depend on the
        whole window, so the default model does not use it.
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
        """Raise a ConfigError if a value is not a whole number, or not one of the choices."""
        for name in ("sample_rate_hz", "n_fft", "frame_samples", "hop_samples", "n_mels", "n_mfcc"):
            if type(getattr(self, name)) is not int:
                raise ConfigError(f"{name} {getattr(self, name)!r} must be a whole number")
        # A misspelt choice in a card must not silently select another front end.
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
        """Build from a card's JSON object; a missing or unknown key raises a ModelError."""
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
        """Number of frames in one window; each starts ``hop_samples`` after the previous one."""
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
"""The original paper: ``librosa.feature.mfcc(y, sr=22050, n_mfcc=13, n_fft=2048, hop_length=512)``, 44 x 13."""

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
"""Front end of the default model: 30 ms frames every 10 ms, 40 bands up to 4 kHz, 98 x 40, all coefficients kept."""


def dct_matrix(n_mfcc: int, n_mels: int) -> NDArray[np.float32]:
    """Return the orthonormal DCT-II matrix, shape (n_mfcc, n_mels): ``mfcc = log_mel @ dct_matrix(...).T``."""
    order = np.arange(n_mfcc)[:, np.newaxis]
    basis: NDArray[np.float64] = np.cos(np.pi * order * (2 * np.arange(n_mels) + 1) / (2 * n_mels)) * np.sqrt(
        2.0 / n_mels
    )
    basis[0] /= np.sqrt(2.0)
    return basis.astype(np.float32)


class FeatureExtractor:
    """Computes the features of one `FeatureSettings`, with precomputed matrices.

    Parameters
    ----------
    settings : FeatureSettings
    mel_filters : float32 array, shape (n_mels, 1 + n_fft // 2), optional
        The bank from the model folder; by default librosa builds it.

    Raises
    ------
    ModelError
        If the bank's shape does not match the settings.
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
        # Bins above the highest filter are skipped in the product: about half of them for 4 kHz of 8.
        used = int(np.flatnonzero(bank.any(axis=0))[-1]) + 1 if bank.any() else 1
        self._bank = np.ascontiguousarray(bank[:, :used].T)
        # Summed in float64: coefficient 0 is in the thousands, where a float32 sum has an error of 1e-3.
        self._dct = dct_matrix(settings.n_mfcc, settings.n_mels).T.astype(np.float64)

    @cached_property
    def _hann(self) -> NDArray[np.float32]:
        """Periodic Hann window; for centred frames zero-padded on both sides to ``n_fft``, as in librosa."""
        n, n_fft = self.settings.frame_samples, self.settings.n_fft
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
        before = (n_fft - n) // 2
        return (np.pad(hann, (before, n_fft - n - before)) if self.settings.centered else hann).astype(np.float32)

    def power(self, window: Samples) -> NDArray[np.float32]:
        """Return the power spectrum of each frame of a window, up to the highest frequency of the filters.

        Parameters
        ----------
        window : float32 array, shape (n_samples,), at ``settings.sample_rate_hz``
            Usually one second; any length of at least one frame works. Windows stacked along leading axes
            give bit-identical results to separate calls.

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
        # Not sliding_window_view, which takes as long as the transform of a hop's eight new frames.
        frames = np.lib.stride_tricks.as_strided(
            window, (*stack, n_frames, self._hann.size), (*steps, s.hop_samples * step, step), writeable=False
        )
        # If the frame is shorter than the transform, zeros are appended rather than added on both sides as in
        # librosa: this changes the phase but not the power.
        spectrum = np.fft.rfft(frames * self._hann, s.n_fft)[..., : self._bank.shape[0]]
        return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), dtype=np.float32)

    def log_mel(self, window: Samples) -> Features:
        """Return log-mel power in dB, shape (n_frames, n_mels); window as for `power`."""
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
        """Return MFCC, equal to librosa's within float32 rounding; window as for `power`.

        Returns
        -------
        float32 array, shape (n_frames, n_mfcc)
        """
        return self.mfcc_of(self.power(window))

    def mfcc_of(self, power: NDArray[np.float32]) -> Features:
        """Return MFCC from the result of `power`."""
        return (self._log_mel(power) @ self._dct).astype(np.float32)
