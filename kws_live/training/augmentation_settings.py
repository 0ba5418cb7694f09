"""Parameters of the augmentation."""

from dataclasses import dataclass, fields

from kws_live.errors import ConfigError

Range = tuple[float, float]


@dataclass(frozen=True)
class AugmentationSettings:
    """Parameters of the augmentation. Levels are in dB, shares and probabilities 0 to 1.

    Attributes
    ----------
    unknown_share, silence_share : shares of a batch; the rest are keywords
    speech_share : share of the unknown windows that are running speech
    reversed_share : share of the running speech that is played backwards: voices without words
    slowest_speech : lowest tempo of running speech, as a factor
    cut_share : share of words that may lie partly outside the window; the others lie anywhere within it
    neighbour_share : share of windows with a second word before or after the first
    warp : factor of the vocal-tract-length warp
    tempo : factor of the speed
    reverb_share : share of windows with reverberation, which decays by 60 dB in ``reverb_seconds``
    equaliser_db : standard deviation of the microphone's random frequency response
    gain_db : gain of the whole window
    noise_share, snr_db : share of windows with noise, and the signal-to-noise ratio
    babble_share : share of the noises that mix the voices of six clips
    rhythm_share : share of the noises with the envelope of one clip and the mean spectrum of another
    creature_share : share of the noises that are voices moved far out of human range, forwards or
        backwards: barks, squeaks and growls
    noise_tempo, noise_warp : factors for the speed and the frequencies of a noise
    noise_mix_share : share of the noises that mix two clips
    pieces_share : share of the windows of unknown words filled with word fragments, like talk
    silence_db : mean mel power of windows without speech
    zeros_share : share of windows that begin or end in digital silence, as streams do
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
