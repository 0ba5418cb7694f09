"""Training windows like those of a stream, made from archived clips.

Everything operates on mel power, which is additive: a word is warped, shifted, truncated, reverberated, filtered by a
microphone, mixed with a neighbour and noise, and labelled by its visible share. A batch is a pure function of
(seed, epoch, batch number), so every worker makes the same batch and training can resume anywhere.

References
----------
T. Ko et al., "A study on data augmentation of
reverberant speech for robust speech recognition", ICASSP 2017 (rooms and noise).
"""

from dataclasses import dataclass

import numpy as np

from kws_live.model.features import Features, dct_matrix
from kws_live.training.augmentation_settings import AugmentationSettings
from kws_live.training.clips import Clips, Floats, Ints, from_db, to_db
from kws_live.training.mel_effects import (
    band_warp,
    creatures,
    digital_silence,
    echo,
    frequency_response,
    mask,
    sample_frames,
    vary,
)

N_PIECES = 8
"""Each about a third of a word: together about one and a half windows."""


@dataclass(frozen=True, eq=False)
class Augmenter:
    """Makes training batches of MFCC and soft labels.

    The labels are the keywords, then unknown, then silence.
    """

    clips: Clips
    settings: AugmentationSettings
    batch_size: int
    seed: int

    @property
    def n_keywords(self) -> int:
        """Number of keywords."""
        return int(self.clips.label.max())

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Number of windows of keywords, unknown and silence in a batch."""
        unknown, silence = (
            round(s * self.batch_size) for s in (self.settings.unknown_share, self.settings.silence_share)
        )
        return self.batch_size - unknown - silence, unknown, silence

    @property
    def n_batches(self) -> int:
        """Batches per epoch; each keyword clip is used once."""
        return max(1, int((self.clips.label < self.n_keywords).sum()) // self.sizes[0])

    def batch(self, epoch: int, number: int) -> tuple[Features, Floats]:
        """Return MFCC, shape (batch_size, n_frames, n_mfcc), and label shares, shape (batch_size, n_labels)."""
        rng = np.random.default_rng([self.seed, epoch, number])
        decibels, labels = self.log_mel(rng, self.choose_words(epoch, number))
        front_end = self.clips.settings
        dct = dct_matrix(front_end.n_mfcc, front_end.n_mels).T
        order = rng.permutation(self.batch_size)
        return (decibels @ dct)[order], labels[order]

    def choose_words(self, epoch: int, number: int) -> Ints:
        """Return the keyword clips of a batch; each clip occurs once per epoch."""
        words = np.flatnonzero(self.clips.label < self.n_keywords)
        # The order within an epoch must not depend on the batch.
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(words)
        return np.resize(shuffled, self.n_batches * self.sizes[0])[number * self.sizes[0] :][: self.sizes[0]]

    def log_mel(self, rng: np.random.Generator, words: Ints) -> tuple[Features, Floats]:
        """Return augmented log-mel power in dB and label shares: keywords, then unknown, then silence."""
        s, clips, n_keywords = self.settings, self.clips, self.n_keywords
        _, n_unknown, n_silence = self.sizes
        main = np.concatenate([words, self._choose_unknown(rng, n_unknown)])
        n, n_frames = main.size, clips.settings.n_frames
        power, visible = self.place(rng, main, None)
        shares = _one_hot(clips.label[main], n_keywords) * _presence(visible)[:, np.newaxis]
        full = clips.is_speech[main]
        if s.pieces_share:
            other = ~full & (np.arange(n) >= words.size)
            in_pieces = np.flatnonzero(other & (rng.random(n) < s.pieces_share))
            power[in_pieces], visible[in_pieces] = self._pieces(rng, in_pieces.size), 1
            full[in_pieces] = True
        seen = visible.copy()
        # Speech that fills the window gets no neighbours.
        beside = np.flatnonzero((rng.random(n) < s.neighbour_share) & ~full)
        if beside.size:
            pool = np.flatnonzero(~clips.is_noise & ~clips.is_speech)
            second = rng.choice(pool, beside.size)
            extra, share = self.place(rng, second, self._beside(rng, second))
            power[beside] += extra
            shares[beside] += _one_hot(clips.label[second], n_keywords) * _presence(share)[:, np.newaxis]
            seen[beside] = np.maximum(seen[beside], share)
        level = to_db(power.mean(axis=(1, 2)) * n_frames / np.maximum(clips.offset[main] - clips.onset[main], 1))
        power = np.concatenate([power, np.zeros((n_silence, *power.shape[1:]), dtype=np.float32)])
        self.add_noise(rng, power, level)
        echo(rng, power, s.reverb_share, s.reverb_seconds)
        power *= from_db(rng.uniform(*s.gain_db, size=(len(power), 1, 1)).astype(np.float32))
        power *= frequency_response(rng, len(power), power.shape[2], s.equaliser_db)[:, np.newaxis]
        digital_silence(rng, power, s.zeros_share)
        decibels = to_db(power + np.float32(clips.settings.floor_power))
        hidden = mask(rng, decibels, 1, s.time_masks, s.time_mask_frames)
        hidden = hidden | mask(rng, decibels, 2, s.band_masks, s.band_mask_bands)
        np.copyto(decibels, decibels.mean(axis=(1, 2), keepdims=True), where=hidden)
        return decibels, _label_shares(shares, seen, n_silence)

    def _choose_unknown(self, rng: np.random.Generator, n: int) -> Ints:
        speech = np.flatnonzero(self.clips.is_speech)
        words = np.flatnonzero((self.clips.label == self.n_keywords) & ~self.clips.is_noise & ~self.clips.is_speech)
        if not speech.size or not words.size:
            return rng.choice(np.concatenate([speech, words]), n)
        n_speech = round(n * self.settings.speech_share)
        return np.concatenate([rng.choice(speech, n_speech), rng.choice(words, n - n_speech)])

    def place(self, rng: np.random.Generator, chosen: Ints, centre: Floats | None) -> tuple[Floats, Floats]:
        """Warp, stretch and shift clips; returns mel power and the visible share of each word."""
        s, clips, n = self.settings, self.clips, chosen.size
        power = clips.power(chosen)
        n_frames = power.shape[1]
        onset, offset = clips.onset[chosen], clips.offset[chosen]
        tempo = rng.uniform(*s.tempo, size=n).astype(np.float32)
        middle, half = (onset + offset) / 2, (offset - onset) / 2 / tempo
        if centre is None:
            low, high = np.minimum(half, n_frames / 2), np.maximum(n_frames - half, n_frames / 2)
            centre = (low + (high - low) * rng.random(n)).astype(np.float32)
            cut = rng.random(n) < s.cut_share
            centre[cut] = rng.uniform(-half[cut] * 0.8, n_frames + half[cut] * 0.8).astype(np.float32)
            # Running speech fills the window; it can be slowed down, but speeding it up would leave a gap.
            speech = np.flatnonzero(clips.is_speech[chosen])
            centre[speech] = middle[speech] = n_frames / 2
            tempo[speech] = np.maximum(np.minimum(tempo[speech], 2 - tempo[speech]), s.slowest_speech)
            if s.reversed_share:
                backwards = speech[rng.random(speech.size) < s.reversed_share]
                power[backwards] = power[backwards, ::-1]
        source = (np.arange(n_frames) - centre[:, np.newaxis]) * tempo[:, np.newaxis] + middle[:, np.newaxis]
        moved = sample_frames(power, source)
        outside = (source < 0) | (source > n_frames - 1)
        if outside.any():
            clip, frame = np.nonzero(outside)
            # Extend the recording by room noise: its quietest frames, with random fluctuation.
            quiet = np.argpartition(power.mean(axis=2), 12, axis=1)[:, :12]
            floor = power[np.arange(n)[:, np.newaxis], quiet].mean(axis=1)
            moved[clip, frame] = floor[clip] * rng.standard_gamma(3.0, (clip.size, 1)).astype(np.float32) / 3
        bands = band_warp(rng.uniform(*s.warp, size=n).astype(np.float32), clips.settings)
        moved = np.matmul(moved, bands)
        visible = (np.minimum(centre + half, n_frames) - np.maximum(centre - half, 0)) / (2 * half)
        return moved, np.clip(visible, 0, 1).astype(np.float32)

    def _pieces(self, rng: np.random.Generator, n: int) -> Floats:
        """Return mel power of windows filled with fragments of words, at most half of each."""
        clips, n_frames = self.clips, self.clips.settings.n_frames
        pool = np.flatnonzero(~clips.is_noise & ~clips.is_speech)
        chosen = rng.choice(pool, (n, N_PIECES))
        length = clips.offset[chosen] - clips.onset[chosen]
        taken = np.maximum(length * rng.uniform(0.2, 0.5, chosen.shape), 4)
        start = clips.onset[chosen] + rng.random(chosen.shape) * np.maximum(length - taken, 0)
        end = np.cumsum(taken + rng.integers(0, 4, chosen.shape), axis=1) - rng.uniform(0, 20, (n, 1))
        frame = np.arange(n_frames)
        piece = np.minimum((frame >= end[:, :, np.newaxis]).sum(axis=1), N_PIECES - 1)
        row = np.arange(n)[:, np.newaxis]
        source = start[row, piece] + frame - (end - taken)[row, piece]
        power = clips.power(chosen.ravel()).reshape(n, N_PIECES, n_frames, clips.settings.n_mels)
        scale = from_db((rng.uniform(-4, 4, chosen.shape) - clips.level_db[chosen]).astype(np.float32))
        nearest = np.clip(np.rint(source), 0, n_frames - 1).astype(np.intp)
        joined = power[row, piece, nearest] * scale[row, piece][:, :, np.newaxis]
        return np.asarray(joined, dtype=np.float32)

    def _beside(self, rng: np.random.Generator, second: Ints) -> Floats:
        """Return centres of neighbours, mostly outside or at the edge of the window, before or after the word."""
        n_frames = self.clips.settings.n_frames
        half = (self.clips.offset[second] - self.clips.onset[second]) / 2
        inside = rng.uniform(-0.8, 0.8, second.size) * half
        return np.where(rng.random(second.size) < 0.5, inside, n_frames - inside).astype(np.float32)

    def add_noise(self, rng: np.random.Generator, power: Floats, level: Floats) -> None:
        """Add noise in place: at a given SNR to words, at any level to windows without words."""
        s, n_words = self.settings, level.size
        pool = np.flatnonzero(self.clips.is_noise)
        if not pool.size:
            return
        noisy = np.flatnonzero(rng.random(len(power)) < np.where(np.arange(len(power)) < n_words, s.noise_share, 2))
        chosen = rng.choice(pool, noisy.size)
        noise = np.roll(self.clips.power(chosen), rng.integers(power.shape[1]), axis=1)
        if s.noise_mix_share:
            mixed = np.flatnonzero(rng.random(noisy.size) < s.noise_mix_share)
            second = self.clips.power(rng.choice(pool, mixed.size))
            ratio = noise[mixed].mean(axis=(1, 2)) / np.maximum(second.mean(axis=(1, 2)), np.float32(1e-9))
            ratio *= from_db(rng.uniform(-15, 5, mixed.size).astype(np.float32))
            noise[mixed] += second * ratio[:, np.newaxis, np.newaxis]
        if s.noise_tempo != s.noise_warp or s.noise_tempo != (1.0, 1.0):
            noise = vary(rng, noise, s.noise_tempo, s.noise_warp, self.clips.settings)
        kind = rng.random(noisy.size)
        babble = np.flatnonzero(kind < s.babble_share)
        if babble.size:
            voices = rng.choice(np.flatnonzero(~self.clips.is_noise), (6, babble.size))
            scale = from_db(-self.clips.level_db[voices])[:, :, np.newaxis, np.newaxis]
            noise[babble] = sum(self.clips.power(v) * g for v, g in zip(voices, scale, strict=True))
        # Barks, knocks and ticks have envelopes like words, but a constant spectrum.
        rhythm = np.flatnonzero(kind >= 1 - s.rhythm_share)
        if rhythm.size:
            curve, colour = (self.clips.power(rng.choice(len(self.clips.row), rhythm.size)) for _ in range(2))
            steady = curve.mean(axis=2, keepdims=True) * colour.mean(axis=1, keepdims=True)
            noise[rhythm] = steady * rng.standard_gamma(3.0, steady.shape).astype(np.float32) / 3
        if s.creature_share:
            beasts = np.flatnonzero(rng.random(noisy.size) < s.creature_share)
            voices = self.clips.power(rng.choice(np.flatnonzero(~self.clips.is_noise), beasts.size))
            noise[beasts] = creatures(rng, voices, self.clips.settings)
        wanted = np.empty(len(power), dtype=np.float32)
        wanted[:n_words] = level - rng.uniform(*s.snr_db, size=n_words)
        wanted[n_words:] = rng.uniform(*s.silence_db, size=len(power) - n_words)
        present = to_db(noise.mean(axis=(1, 2)) + np.float32(1e-9))
        power[noisy] += noise * from_db(wanted[noisy] - present)[:, np.newaxis, np.newaxis]


def _one_hot(label: Ints, n_keywords: int) -> Floats:
    """Return shape (n, n_keywords); a row of zeros for anything but keywords."""
    return np.asarray(label[:, np.newaxis] == np.arange(n_keywords), dtype=np.float32)


def _presence(visible: Floats) -> Floats:
    """Return the label weight for a visible share: 0 below one half, 1 above 0.85."""
    return np.asarray(np.clip((visible - 0.5) / 0.35, 0, 1), dtype=np.float32)


def _label_shares(keywords: Floats, visible: Floats, n_silence: int) -> Floats:
    """Append the shares of unknown and silence to those of the keywords, and the windows without speech.

    Two keywords in one window share the label. The rest goes to unknown, or to silence if less than a fifth
    of any word is visible.
    """
    total = keywords.sum(axis=1, keepdims=True)
    keywords = keywords / np.maximum(total, 1)
    rest = 1 - np.minimum(total[:, 0], 1)
    heard = np.clip(visible / 0.2, 0, 1)
    words = np.concatenate([keywords, (rest * heard)[:, np.newaxis], (rest * (1 - heard))[:, np.newaxis]], axis=1)
    silence = np.zeros((n_silence, words.shape[1]), dtype=np.float32)
    silence[:, -1] = 1
    return np.concatenate([words, silence]).astype(np.float32)
