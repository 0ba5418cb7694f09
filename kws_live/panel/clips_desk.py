"""Sort the recordings of the sink clips:, one after another: was the word said?"""

import base64
import json
from pathlib import Path
from typing import Any, Final

from kws_live.errors import ConfigError
from kws_live.sinks.clips import Clips
from kws_live.sinks.kept_clips import sort_clip, unsorted_clips
from kws_live.spotter import Spotter

TOLD: Final = ("score", "threshold", "reason", "saved_at")


class ClipsDesk:
    """Shows and sorts kept clips.

    Parameters
    ----------
    spotter : the spotter whose sinks are used
    """

    def __init__(self, spotter: Spotter) -> None:
        self._spotter = spotter

    def clips(self) -> dict[str, Any]:
        """Return the number of unsorted clips in each folder, and the newest of them; empty if none are kept."""
        folders = self._folders()
        waiting = self._waiting()
        newest = None
        if waiting:
            clip = waiting[-1]
            told = _event(clip)
            newest = {
                "name": _name(clip),
                "word": str(told.get("keyword", clip.parent.name)),
                "fired": told.get("type") == "detection",
                "sound": base64.b64encode(clip.read_bytes()).decode("ascii"),
                **{name: told.get(name) for name in TOLD},
            }
        return {"folder": str(folders[0]) if folders else None, "n": len(waiting), "newest": newest}

    def sort(self, name: str, right: bool) -> dict[str, Any]:
        """Move a clip where it belongs; then return the same as `clips`, with the new place.

        Raises
        ------
        ConfigError
            If no such clip waits to be sorted.
        """
        clip = next((one for one in self._waiting() if _name(one) == name), None)
        if clip is None:
            raise ConfigError(f"clip {name!r} is no longer there to sort; it was sorted or deleted in the meantime")
        target = sort_clip(clip, right)
        return {**self.clips(), "went_to": f"{target.parent.name}/{target.name}"}

    def _folders(self) -> list[Path]:
        return [sink.folder for sink in self._spotter.sinks if isinstance(sink, Clips)]

    def _waiting(self) -> list[Path]:
        return [clip for folder in self._folders() for clip in unsorted_clips(folder)]


def _name(clip: Path) -> str:
    return f"{clip.parent.name}/{clip.name}"


def _event(clip: Path) -> dict[str, Any]:
    """Return the content of the clip's event file; empty if there is none."""
    try:
        told = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
