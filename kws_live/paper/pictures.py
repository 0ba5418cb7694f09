"""The plots of the original experiment: learning curves, and the steps from a word to features."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from kws_live.audio import Samples
from kws_live.model.features import PAPER, FeatureExtractor, Features
from kws_live.paper.experiment import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI: Final = 80
LIFTER: Final = 60
"""Cepstral coefficients of the envelope: 60 / 22,050 s is shorter than the period of a voice up to 370 Hz."""


def draw_curves(runs: Sequence[Run], path: Path) -> None:
    """Plot accuracy and loss of each run, for training and validation, one column per run."""
    from matplotlib.figure import Figure

    figure = Figure((2.3 * len(runs) + 0.7, 4.4), DPI, layout="constrained")
    axes = figure.subplots(2, len(runs), sharex="col", sharey="row", squeeze=False)
    for column, run in enumerate(runs):
        epochs = np.arange(1, run.epochs + 1)
        for row, curve in enumerate(("accuracy", "loss")):
            axes[row, column].plot(epochs, run.history[curve], label="training")
            axes[row, column].plot(epochs, run.history[f"val_{curve}"], label="validation")
            axes[row, column].grid(alpha=0.3)
        axes[0, column].set_title(f"{run.epochs} epochs, batch {run.batch_size}", fontsize=10)
        axes[1, column].set_xlabel("epoch")
    axes[0, 0].set(ylabel="accuracy", ylim=(None, 1.0))
    axes[1, 0].set(ylabel="loss", ylim=(0.0, min(2.5, axes[1, 0].get_ylim()[1])))
    axes[0, 0].legend(loc="lower right", fontsize=8)
    figure.savefig(path)


def draw_word(word: str, window: Samples, folder: Path) -> None:
    """Plot the steps from one second of audio to MFCC: PNGs ``waveform``, ``spectrum``, ``mel_bank`` and ``mfcc``.

    Parameters
    ----------
    word : for the titles
    window : float32 array, shape (22050,), at 22,050 Hz
    folder : Path
    """
    extractor = FeatureExtractor(PAPER)
    _draw(folder / "waveform.png", f"“{word}”, one second at 22,050 Hz", window, _waveform)
    _draw(folder / "spectrum.png", "Its most vowel-like frame: log spectrum and cepstral envelope", window, _spectrum)
    _draw(folder / "mel_bank.png", "The mel bank: every eighth of 128 filters", extractor.mel_filters, _mel_bank)
    _draw(folder / "mfcc.png", f"“{word}” as 44 frames of 13 MFCC", extractor.mfcc(window), _mfcc)


def log_spectrum(window: Samples) -> tuple[Samples, Samples]:
    """Return the log spectrum of the most vowel-like frame (most power below 1 kHz) and its cepstral envelope.

    Both in dB, shape (1 + 2048 // 2,).

    The envelope keeps the first coefficients of the cepstrum, the Fourier transform of the log spectrum: the
    vocal tract response varies slowly with frequency, the harmonics of the voice quickly.

    References
    ----------
    A. V. Oppenheim, R. W. Schafer, "From frequency to quefrency: a history of the cepstrum", IEEE Signal
    Processing Magazine 21(5), 2004.
    """
    frames = np.lib.stride_tricks.sliding_window_view(window, PAPER.n_fft)[:: PAPER.hop_samples]
    spectra = np.abs(np.fft.rfft(frames * np.hanning(PAPER.n_fft)))
    below_1_khz = 1000 * PAPER.n_fft // PAPER.sample_rate_hz
    vowel = np.square(spectra[:, :below_1_khz]).sum(axis=1).argmax()
    spectrum = 20 * np.log10(spectra[vowel] + 1e-6)
    cepstrum = np.fft.irfft(spectrum)
    cepstrum[LIFTER:-LIFTER] = 0
    return spectrum.astype(np.float32), np.fft.rfft(cepstrum).real.astype(np.float32)


def _draw(path: Path, title: str, values: Samples | Features, draw: "Callable[[Axes, Samples], None]") -> None:
    from matplotlib.figure import Figure

    figure = Figure((7.5, 2.8), DPI, layout="constrained")
    axes = figure.subplots()
    draw(axes, values)
    axes.set_title(title)
    figure.savefig(path)


def _waveform(axes: "Axes", window: Samples) -> None:
    axes.plot(np.arange(window.size) / PAPER.sample_rate_hz, window, linewidth=0.6)
    axes.set(xlabel="time (s)", ylabel="amplitude", xlim=(0, 1))


def _spectrum(axes: "Axes", window: Samples) -> None:
    spectrum, envelope = log_spectrum(window)
    khz = np.fft.rfftfreq(PAPER.n_fft, 1 / PAPER.sample_rate_hz) / 1000
    axes.plot(khz, spectrum, linewidth=0.6, label="log spectrum")
    axes.plot(khz, envelope, label=f"envelope: the first {LIFTER} cepstral coefficients")
    axes.set(xlabel="frequency (kHz)", ylabel="dB", xlim=(0, 8))
    axes.legend(loc="lower left", fontsize=8)


def _mel_bank(axes: "Axes", bank: Features) -> None:
    khz = np.fft.rfftfreq(PAPER.n_fft, 1 / PAPER.sample_rate_hz) / 1000
    axes.plot(khz, bank[::8].T, linewidth=0.9)
    axes.set(xlabel="frequency (kHz)", ylabel="weight", xlim=(0, 11.025))


def _mfcc(axes: "Axes", mfcc: Features) -> None:
    # Coefficient 0, the level, is ten times larger than the others and would hide their differences.
    rest = mfcc[:, 1:].T
    limit = np.abs(rest).max()
    picture = axes.imshow(
        rest, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit, extent=(0, 1, 0.5, 12.5)
    )
    axes.set(xlabel="time (s)", ylabel="coefficient (0 left out)")
    axes.figure.colorbar(picture)
