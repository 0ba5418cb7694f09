"""Other programs that record from this program's microphone, as PulseAudio and PipeWire report them."""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from kws_live.errors import SourceUnavailableError

ANSWER_SECONDS: Final = 1.0

NEEDED: Final = "only PulseAudio and PipeWire report whether another program records"


def other_recorders() -> Mapping[int, str]:
    """Return the streams of other programs from the same microphone, with the programs' names.

    Level meters and paused streams are left out.

    Raises
    ------
    SourceUnavailableError
        If there is no such sound server, or this program does not record through it.
    """
    command = ["pactl", "--format=json", "list", "source-outputs"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=ANSWER_SECONDS)
        streams: list[dict[str, Any]] = json.loads(done.stdout.decode(errors="replace"))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise SourceUnavailableError(
            f"{NEEDED}, and `pactl list source-outputs` failed: "
            f"{type(error).__name__}; start the sound server, or install pulseaudio-utils"
        ) from error
    ours = {stream["source"] for stream in streams if _process(stream) == str(os.getpid())}
    if not ours:
        raise SourceUnavailableError(
            f"{NEEDED}, and this program uses none of their microphones; choose mic:pulse or mic:default"
        )
    return {
        stream["index"]: str(stream["properties"].get("application.name", "another program"))
        for stream in streams
        if stream["source"] in ours
        and _process(stream) not in ("", str(os.getpid()))
        and not stream["corked"]
        and stream["resample_method"] != "peaks"
    }


def _process(stream: Mapping[str, Any]) -> str:
    return str(stream["properties"].get("application.process.id", ""))
