"""How strongly training windows are changed."""

from dataclasses import dataclass, fields

from kws_live.errors import ConfigError

Range = tuple[float, float]


@dataclass(frozen=True)
class AugmentationSettings:
    """How strongly training windows are changed. Levels in dB, shares and probabilities 0 to 1.

    Attributes
    ----------
    unknown_share, silence_share : of a batch; the rest are keywords
    speech_share : of the unknown windows, how many are running speech
    reversed_share : of the windows of running speech, those played backwards: voices that never say a word
    slowest_speech : running speech is slowed down to at most this tempo
    cut_share : words that may stand half outside the window; the others stand anywhere within
    neighbour_share : windows with a second word before or after the first
    warp : factor of the vocal-tract-length warp
    tempo : factor of the speed
    reverb_share : windows in a room with an echo, decaying by 60 dB in ``reverb_seconds``
    equaliser_db : standard deviation of the microphone's random frequency response
    gain_db : loudness of the whole window
    noise_share, snr_db : windows with noise, and how far the word stands above it
    babble_share : of the noises, those that are the voices of six clips at once
    rhythm_share : of the noises, those with the loudness curve of one clip and the mean spectrum of another
    creature_share : of the noises, those that are a voice moved far above or below what throats can do, forwards or
        backwards: barks, squeaks and growls
    noise_tempo, noise_warp : factors of a noise's speed and of its frequencies
    noise_mix_share : of the noises, those that are two at once
    pieces_share : of the unknown words' windows, those filled with pieces of words, as talk is
    silence_db : mean mel power of windows without speech
    zeros_share : windows that begin or end in digital silence, as streams do
    time_masks, time_mask_frames, band_masks, band_mask_bands : SpecAugment
    """

    unknown_share: float = 0.26
    silence_share: float = 0.14
    speech_share: float = 0.35
    reversed_share: float = 0.0
    slowest_speech: float = 1.0
    cut_share: float = 0.2
    neighbour_share: float = 0.15
    warp: Range = (0.87, 1.15)
    tempo: Range = (0.85, 1.18)
    reverb_share: float = 0.3
    reverb_seconds: Range = (0.15, 0.9)
    equaliser_db: float = 3.0
    gain_db: Range = (-20.0, 10.0)
    noise_share: float = 0.7
    snr_db: Range = (-3.0, 35.0)
    babble_share: float = 0.1
    rhythm_share: float = 0.0
    creature_share: float = 0.0
    noise_tempo: Range = (1.0, 1.0)
    noise_warp: Range = (1.0, 1.0)
    noise_mix_share: float = 0.0
    pieces_share: float = 0.0
    silence_db: Range = (-62.0, 30.0)
    zeros_share: float = 0.1
    time_masks: int = 2
    time_mask_frames: int = 12
    band_masks: int = 2
    band_mask_bands: int = 5

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("_share") and not 0 <= value <= 1:
                raise ConfigError(f"augmentation: {item.name} {value} must be 0 to 1")
            if isinstance(value, tuple) and not value[0] <= value[1]:
                raise ConfigError(f"augmentation: {item.name} {value} must be (lowest, highest)")
            if isinstance(value, int) and value < 0:
                raise ConfigError(f"augmentation: {item.name} {value} must be 0 or more")
        if self.unknown_share + self.silence_share >= 1:
            raise ConfigError("augmentation: unknown_share and silence_share must leave room for keywords")
