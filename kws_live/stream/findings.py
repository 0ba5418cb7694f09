"""Problems of a microphone or a machine, and the advice for each on each operating system."""

import sys
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Certainty = Literal["certain", "likely", "possible"]


class Advice(NamedTuple):
    """Advice for each operating system."""

    linux: str
    macos: str
    windows: str


def _everywhere(text: str) -> Advice:
    return Advice(text, text, text)


ADVICE: Final = {
    "no_portaudio": Advice(
        "sudo apt-get install libportaudio2 (Fedora: sudo dnf install portaudio)",
        "pip install --force-reinstall sounddevice",
        "pip install --force-reinstall sounddevice",
    ),
    "no_device": Advice(
        "plug a microphone in; `arecord -l` must show it; your user may need the group audio",
        "plug a microphone in; it must appear under System Settings > Sound > Input",
        "plug a microphone in; it must appear and be enabled under Settings > System > Sound > Input",
    ),
    "device_busy": Advice(
        "close the program that uses it, which `fuser -v /dev/snd/*` shows; or use the device `pulse` or `default`",
        "close the program that uses it, and allow your terminal under Privacy & Security > Microphone",
        "close the program that uses it, or switch off exclusive mode in the microphone's advanced properties",
    ),
    "cannot_open": Advice(
        "try another device from `kws-live devices`, such as mic:pulse or mic:default",
        "try another device from `kws-live devices`; set its format in Audio MIDI Setup to 44,100 or 48,000 Hz",
        "try another entry from `kws-live devices`: each microphone is listed once per sound system (MME, WASAPI)",
    ),
    "same_name": _everywhere("choose by number, mic:NUMBER; `kws-live devices` lists the numbers"),
    "source_lost": _everywhere("check cable, hub and battery; listening continues automatically when it is back"),
    "no_audio": _everywhere("check that its sender is running; listening continues automatically when audio arrives"),
    "source_hangs": _everywhere("restart the device or program behind it; it is reopened if possible"),
    "detector_hangs": _everywhere("functions given to on_step or watch must be quick; if there are none, report this"),
    "dispatcher_hangs": _everywhere("report this with the program's log; until then events are queued"),
    "callback_hangs": _everywhere("a callback must return quickly; events that it misses are dropped"),
    "zeros": Advice(
        "unmute it: `pactl list sources` or alsamixer (F4: capture); look for a switch on the device",
        "allow your terminal under Privacy & Security > Microphone, restart it, and unmute the device",
        "allow desktop apps under Settings > Privacy & security > Microphone, and unmute the device",
    ),
    "antiphase": _everywhere("one microphone is wired with inverted polarity: choose one channel, such as mic:NAME#1"),
    "dead_channel": _everywhere("choose the working channel, such as mic:NAME#1, which doubles the level"),
    "offset": _everywhere("a fault of the device or its power supply: try another USB port or another microphone"),
    "clipping": Advice(
        "lower the level: `pactl set-source-volume @DEFAULT_SOURCE@ 60%` or alsamixer (F4); switch mic boost off",
        "lower the input volume under System Settings > Sound > Input, or move away from the microphone",
        "lower the input volume under Settings > System > Sound, and switch microphone boost off",
    ),
    "too_quiet": Advice(
        "raise the level: `pactl set-source-volume @DEFAULT_SOURCE@ 120%` or alsamixer (F4); move closer",
        "raise the input volume under System Settings > Sound > Input; move closer",
        "raise the input volume under Settings > System > Sound, or switch microphone boost on; move closer",
    ),
    "no_speech": _everywhere("say a few words during the check; if you did, it may be the wrong microphone"),
    "noisy": _everywhere("move closer, or move the microphone away from fans and loudspeakers"),
    "hum": _everywhere("a ground loop or a bad cable: try another USB port or cable, a USB isolator, or no charger"),
    "wrong_rate": Advice(
        "choose the device `pulse` or `default`, which resamples; connect the device without a hub",
        "set the device's format in Audio MIDI Setup to 44,100 or 48,000 Hz; connect it without a hub",
        "set the device's default format to 48,000 Hz in its advanced properties; connect it without a hub",
    ),
    "other_recording": _everywhere("words are ignored in the meantime; to prevent this, leave out pause_when"),
    "overflow": _everywhere("the machine was too busy: close demanding programs; use mains power, not battery saving"),
    "slow_machine": _everywhere("close demanding programs, keep the gate on (--gate 1), use mains power"),
}  # fmt: skip
"""Advice for each finding, by its name."""


@dataclass(frozen=True)
class Finding:
    """A problem that was found.

    Attributes
    ----------
    name : a key of `ADVICE`
    summary : what was found, with figures
    certainty : how sure
    """

    name: str
    summary: str
    certainty: Certainty = "certain"

    @property
    def advice(self) -> str:
        """What to do about it on this operating system."""
        advice = ADVICE[self.name]
        return {"darwin": advice.macos, "win32": advice.windows}.get(sys.platform, advice.linux)
