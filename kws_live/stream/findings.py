"""What can be wrong with a microphone or a machine, and what to do about it on each system."""

import sys
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Certainty = Literal["certain", "likely", "possible"]


class Advice(NamedTuple):
    """What to do on each system."""

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
        "close the program that holds it: `fuser -v /dev/snd/*` names it; or use the device `pulse` or `default`",
        "close the program that holds it, and allow your terminal under Privacy & Security > Microphone",
        "close the program that holds it, or switch off exclusive mode in the microphone's advanced properties",
    ),
    "cannot_open": Advice(
        "try another device of `kws-live devices`, such as mic:pulse or mic:default",
        "try another device of `kws-live devices`; set its format in Audio MIDI Setup to 44,100 or 48,000 Hz",
        "try another entry of `kws-live devices`: each microphone is there once for each sound system (MME, WASAPI)",
    ),
    "same_name": _everywhere("choose by number, mic:NUMBER; `kws-live devices` has the numbers"),
    "source_lost": _everywhere("check cable, hub and battery; listening goes on by itself when it is back"),
    "no_audio": _everywhere("see whether its sender still runs; listening goes on by itself when audio comes"),
    "source_hangs": _everywhere("restart the device or program that it comes from; it is opened again if it can be"),
    "detector_hangs": _everywhere("a function given to on_step or watch must be quick; if there is none, report this"),
    "dispatcher_hangs": _everywhere("report this with the program's log; events wait meanwhile"),
    "callback_hangs": _everywhere("a callback must return soon: what it misses meanwhile is dropped"),
    "zeros": Advice(
        "unmute it: `pactl list sources` or alsamixer (F4: capture); look for a switch on the device",
        "allow your terminal under Privacy & Security > Microphone, restart it, and unmute the device",
        "allow desktop apps under Settings > Privacy & security > Microphone, and unmute the device",
    ),
    "antiphase": _everywhere("one microphone is wired inversely: name the channel to listen to, such as mic:NAME#1"),
    "dead_channel": _everywhere("name the channel to listen to, such as mic:NAME#1; it then comes twice as loud"),
    "offset": _everywhere("a fault of the device or its power: try another USB port or another microphone"),
    "clipping": Advice(
        "lower the level: `pactl set-source-volume @DEFAULT_SOURCE@ 60%` or alsamixer (F4); mic boost off",
        "lower the input volume under System Settings > Sound > Input, or move away from the microphone",
        "lower the input volume under Settings > System > Sound, and switch microphone boost off",
    ),
    "too_quiet": Advice(
        "raise the level: `pactl set-source-volume @DEFAULT_SOURCE@ 120%` or alsamixer (F4); come nearer",
        "raise the input volume under System Settings > Sound > Input; come nearer",
        "raise the input volume under Settings > System > Sound, or switch microphone boost on; come nearer",
    ),
    "nobody_spoke": _everywhere("say a few words meanwhile; if you did, see whether this is the right microphone"),
    "noisy": _everywhere("come nearer, or move the microphone away from fans and speakers"),
    "hum": _everywhere("a ground loop or a bad cable: another USB port, no charger, a shorter cable, a USB isolator"),
    "wrong_rate": Advice(
        "choose the device `pulse` or `default`, which resamples; try the device without a hub",
        "set the device's format in Audio MIDI Setup to 44,100 or 48,000 Hz; try it without a hub",
        "set the device's default format to 48,000 Hz in its advanced properties; try it without a hub",
    ),
    "other_recording": _everywhere("words reach nothing meanwhile; to be heard all the same, leave pause_when out"),
    "overflow": _everywhere("the machine was too busy: close heavy programs; use mains power, not battery saving"),
    "slow_machine": _everywhere("close heavy programs, keep the gate on (--gate 1), use mains power"),
}  # fmt: skip
"""Every finding's name, with what to do."""


@dataclass(frozen=True)
class Finding:
    """Something wrong.

    Attributes
    ----------
    name : a key of `ADVICE`
    summary : what was found, with the figures
    certainty : how sure
    """

    name: str
    summary: str
    certainty: Certainty = "certain"

    @property
    def advice(self) -> str:
        """What to do about it, on this system."""
        advice = ADVICE[self.name]
        return {"darwin": advice.macos, "win32": advice.windows}.get(sys.platform, advice.linux)
