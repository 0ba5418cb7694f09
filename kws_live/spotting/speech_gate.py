"""The voice-activity gate: webrtcvad with a hangover, so that quiet audio needs neither features nor network."""

from typing import Final

import webrtcvad

from kws_live.audio import SPEECH_RATE_HZ, Samples, float_to_pcm16
from kws_live.errors import ConfigError

FRAME_SAMPLES: Final = SPEECH_RATE_HZ // 50
"""20 ms at 16 kHz; webrtcvad accepts only 10, 20 or 30 ms at 8, 16, 32 or 48 kHz."""

HANGOVER_SECONDS: Final = 1.0
"""The gate stays open for one window after the last speech, so that every window with a word in it is scored."""


class WebrtcGate:
    """Opens on the first 20 ms frame classified as speech by WebRTC's detector, closes one second after the last.

    The window itself is the pre-roll: the first window scored after the gate opens reaches back a whole
    second, so no first syllable is cut off. The gate saves CPU; it does not reject noise (WebRTC's detector
    classifies loud noise as speech), which is the model's task.

    Parameters
    ----------
    mode : 0 to 3, from lenient to strict

    Raises
    ------
    ConfigError
        If the mode is not 0, 1, 2 or 3.

    References
    ----------
    https://webrtc.org, the voice activity detector of its audio processing, through webrtcvad-wheels.
    """

    def __init__(self, mode: int) -> None:
        if mode not in (0, 1, 2, 3):
            raise ConfigError(f"gate mode {mode!r} does not exist; use 0 (lenient), 1, 2 or 3 (strict)")
        self.mode = mode
        self.reset()

    def reset(self) -> None:
        """Discard the state: after a gap, or for a new stream."""
        self._vad = webrtcvad.Vad(self.mode)
        self._frames_left = 0

    def is_open(self, samples: Samples) -> bool:
        """Process the next hop; returns whether it is worth scoring.

        Parameters
        ----------
        samples : float32 array, shape (n_frames * 320,), at 16 kHz
        """
        sound = float_to_pcm16(samples).tobytes()
        for start in range(0, len(sound), 2 * FRAME_SAMPLES):
            if self._vad.is_speech(sound[start : start + 2 * FRAME_SAMPLES], SPEECH_RATE_HZ):
                self._frames_left = round(HANGOVER_SECONDS * 50)
            elif self._frames_left > 0:
                self._frames_left -= 1
        return self._frames_left > 0


class OpenGate:
    """Always open: every hop is scored."""

    def reset(self) -> None:
        """Do nothing: it has no state."""

    def is_open(self, samples: Samples) -> bool:
        """Return True."""
        return True
