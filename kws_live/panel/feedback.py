"""The user's verdicts on the spotter: seconds of audio with what they were, and thresholds refitted to them."""

import io
import json
import re
import wave
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.system.saving import private_folder, write_file

Kind = Literal["right", "wrong", "missed"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)

LARGEST_FILE_BYTES: Final = 64 * 1024
LARGEST_COUNT: Final = 10_000

MARGIN: Final = 0.02
"""Distance of a refitted threshold from every score in the evidence."""

LEAST_THRESHOLD: Final = 0.3
"""A miss with a lower score cannot be fixed by a threshold: at such a threshold, any noise would fire."""

GREATEST_THRESHOLD: Final = 0.98


@dataclass(frozen=True)
class Evidence:
    """One second of audio and the user's verdict on it.

    Attributes
    ----------
    kind : "right": the word fired and was said; "wrong": it fired and was not; "missed": it was said and did not fire
    word : the word
    score : its highest smoothed score around that second
    threshold : of the word at that time
    model, network_sha256 : what scored it
    source : of the audio
    position : end of the second, samples at 22,050 Hz since the stream began
    saved_at : date and time, ISO 8601
    sound : name of the WAV file in the same folder
    """

    kind: str
    word: str
    score: float
    threshold: float
    model: str
    network_sha256: str
    source: str
    position: int
    saved_at: str
    sound: str


@dataclass(frozen=True)
class Refit:
    """A word's threshold before and after.

    Attributes
    ----------
    word : the word
    before, after : thresholds
    n_for, n_against : number of times it should have fired, and should not have
    mistakes_before, mistakes_after : errors among them with each threshold
    """

    word: str
    before: float
    after: float
    n_for: int
    n_against: int
    mistakes_before: int
    mistakes_after: int


def refit(evidence: Sequence[Evidence], thresholds: Mapping[str, float]) -> list[Refit]:
    """Return the threshold with the fewest errors for each word with evidence; of equals, that nearest to the current.

    Parameters
    ----------
    evidence : of one model
    thresholds : current ones
    """
    fits = []
    for word, now in thresholds.items():
        said = [item.score for item in evidence if item.word == word and item.kind != "wrong"]
        not_said = [item.score for item in evidence if item.word == word and item.kind == "wrong"]
        if not said and not not_said:
            continue

        def mistakes(value: float, margin: float, said: list[float] = said, not_said: list[float] = not_said) -> int:
            return sum(score < value + margin for score in said) + sum(score >= value - margin for score in not_said)

        grid = [
            round(step / 100, 2) for step in range(round(100 * LEAST_THRESHOLD), round(100 * GREATEST_THRESHOLD) + 1)
        ]
        best = min(grid, key=lambda value: (mistakes(value, 0.0), mistakes(value, MARGIN), abs(value - now)))
        # Without a gain, nothing is changed.
        after = best if mistakes(best, 0.0) < mistakes(now, 0.0) else now
        fits.append(Refit(word, now, after, len(said), len(not_said), mistakes(now, 0.0), mistakes(after, 0.0)))
    return fits


def to_wav(pcm: NDArray[np.int16]) -> bytes:
    """Return a WAV file, 16 bits, mono, 22,050 Hz."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm.astype("<i2").tobytes())
    return buffer.getvalue()


class FeedbackFolder:
    """Stores evidence in a folder. It holds a voice, so only its owner may read it.

    Parameters
    ----------
    folder : created when the first evidence is saved
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, evidence: Mapping[str, Any], pcm: NDArray[np.int16]) -> Evidence:
        """Write one second of audio and the verdict.

        Parameters
        ----------
        evidence : the fields of `Evidence` but ``saved_at`` and ``sound``
        pcm : int16, one second at 22,050 Hz

        Raises
        ------
        ConfigError
            If it cannot be written.
        """
        # A model's word may hold any characters; a file name may not.
        word = re.sub(r"[^\w-]", "_", str(evidence["word"]))[:40]
        stamp = datetime.now().astimezone()
        stem = f"{stamp:%Y%m%d-%H%M%S}_{evidence['position']}_{evidence['kind']}_{word}"
        made = Evidence(**evidence, saved_at=stamp.isoformat(timespec="seconds"), sound=f"{stem}.wav")
        try:
            private_folder(self.folder)
            write_file(self.folder / made.sound, to_wav(pcm), private=True)
            write_file(self.folder / f"{stem}.json", json.dumps(asdict(made), indent=2) + "\n", private=True)
        except OSError as error:
            raise ConfigError(
                f"cannot write to {self.folder}: {error.strerror}; choose another with --folder"
            ) from error
        return made

    def marks(self) -> list[Evidence]:
        """Return all evidence, the newest first."""
        found = [_read(path) for path in sorted(self.folder.glob("*.json"))[-LARGEST_COUNT:]]
        return sorted((one for one in found if one is not None), key=lambda one: one.saved_at, reverse=True)

    def remove(self, sound: str) -> None:
        """Delete evidence, with its audio.

        Raises
        ------
        ConfigError
            If there is none of that name, or it cannot be deleted.
        """
        if sound not in {one.sound for one in self.marks()} or Path(sound).name != sound:
            raise ConfigError(f"there is no mark named {sound!r}; it may have been undone on another page")
        try:
            for path in (self.folder / sound, (self.folder / sound).with_suffix(".json")):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot delete {self.folder / sound}: {error.strerror}") from error

    def load(self, network_sha256: str) -> list[Evidence]:
        """Return all evidence scored by a network; other files are skipped."""
        found = []
        for path in sorted(self.folder.glob("*.json"))[-LARGEST_COUNT:]:
            evidence = _read(path)
            if evidence is not None and evidence.network_sha256 == network_sha256:
                found.append(evidence)
        return found


def _read(path: Path) -> Evidence | None:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            return None
        evidence = Evidence(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    types_fit = all(
        isinstance(value := getattr(evidence, item.name), item.type if isinstance(item.type, type) else object)
        and not isinstance(value, bool)
        for item in fields(evidence)
    )
    return evidence if types_fit and evidence.kind in KINDS and 0 <= evidence.score <= 1 else None
