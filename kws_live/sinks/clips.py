"""Save words as short recordings, in a folder of limited size."""

import io
import json
import logging
import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

import soundfile

from kws_live.actions import plain, shortened
from kws_live.audio import SAMPLE_RATE_HZ, Samples, float_to_pcm16
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Detection, Event, NearMiss, word_end
from kws_live.sinks.kept_clips import KINDS, both_files, unsorted_clips
from kws_live.sinks.log_file import private_folders
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.saving import write_file
from kws_live.system.text_file import user_path

log = logging.getLogger(__name__)

ROOM_SECONDS: Final = 0.5
"""Audio kept before and after the word; teaching and evaluation need some."""

WINDOW_SECONDS: Final = 1.0
"""If the position of a word is unknown, the clip is the window that scored highest."""

LONGEST_SECONDS: Final = 3.0
"""Longest clip of a word within a sentence; its last part is kept."""

PATIENCE_SECONDS: Final = 2.0
"""Time limit for the audio after a word; if a source stalls, the clip is shorter."""

MEGABYTES: Final = 200.0


class Clips:
    """Saves the audio of each word as ``DIR/WORD/DATE-TIME_POSITION_TYPE.flac``, with its event in a ``.json`` file.

    Beyond the allowed size, the oldest clips are deleted; sorted clips and other files stay. Clips hold a voice,
    so only their owner may read them.

    Parameters
    ----------
    rest : ``DIR?megabytes=200&kinds=detection,near_miss``; what follows the ``?`` may be left out

    Attributes
    ----------
    folder : of the clips

    Raises
    ------
    ConfigError
        If an option is unknown, or the folder cannot be created.
    """

    def __init__(self, rest: str) -> None:
        folder, _, query = rest.partition("?")
        options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        self._bytes = 1e6 * _megabytes(options.pop("megabytes", str(MEGABYTES)))
        self._kinds = frozenset(options.pop("kinds", ",".join(KINDS)).split(","))
        if not folder or options or not self._kinds <= {*KINDS}:
            raise ConfigError(
                f"clips:{plain(rest)} is not a valid folder for clips; use one such as "
                f"clips:DIR?megabytes={MEGABYTES:g}&kinds={','.join(KINDS)}"
            )
        self.name = f"clips:{plain(folder)}"
        self.folder = user_path(folder)
        self._ring: RingBuffer | None = None
        try:
            private_folders(self.folder / "word")
        except OSError as error:
            raise ConfigError(f"cannot keep clips in {shortened(folder)}: {error.strerror or error}") from error
        log.warning("%s: the audio of words is saved there, up to %g MB", self.name, self._bytes / 1e6)

    def hear(self, ring: RingBuffer) -> None:
        """Take the audio from this buffer."""
        self._ring = ring

    def send(self, event: Event) -> None:
        if isinstance(event, (Detection, NearMiss)) and event.type in self._kinds:
            begin, samples = self._sound(event)
            try:
                self._write(event, begin, samples)
                self._make_room()
            except OSError as error:
                raise ActionError(f"{self.name}: cannot keep a clip: {error.strerror or error}") from error

    def _sound(self, event: Detection | NearMiss) -> tuple[int, Samples]:
        """Return the start of the clip, and its samples."""
        end = word_end(event)
        begin = event.word_begin_position if isinstance(event, Detection) else None
        if begin is None:
            begin = end - round(WINDOW_SECONDS * SAMPLE_RATE_HZ)
        room, longest = (round(seconds * SAMPLE_RATE_HZ) for seconds in (ROOM_SECONDS, LONGEST_SECONDS))
        begin, end = max(0, begin - room, end - longest), end + room
        if self._ring is None:
            raise ActionError(f"{self.name}: there is no audio to save; give it to listen() or Spotter.send_to")
        self._ring.wait(end, PATIENCE_SECONDS)
        begin, samples = self._ring.read_on(begin, end - begin)
        if begin >= end or not samples.size:
            raise ActionError(f"{self.name}: the audio of {event.keyword!r} is no longer available")
        return begin, samples

    def _write(self, event: Detection | NearMiss, begin: int, samples: Samples) -> None:
        now = datetime.now().astimezone()
        # A model's word may hold any characters; a folder's name may not.
        folder = self.folder / re.sub(r"[^\w -]", "_", event.keyword)[:40]
        sound = folder / f"{now:%Y%m%d-%H%M%S}_{event.position}_{event.type}.flac"
        told: dict[str, Any] = {**event.to_dict(), "clip_begin_position": begin}
        told["saved_at"] = now.isoformat(timespec="seconds")
        encoded = io.BytesIO()
        soundfile.write(encoded, float_to_pcm16(samples), SAMPLE_RATE_HZ, format="FLAC")
        private_folders(sound)
        write_file(sound, encoded.getvalue(), private=True)
        write_file(sound.with_suffix(".json"), json.dumps(told, indent=2, ensure_ascii=False) + "\n", private=True)

    def _make_room(self) -> None:
        files = [both_files(clip) for clip in unsorted_clips(self.folder)]
        sizes = [sum(path.stat().st_size for path in pair) for pair in files]
        too_many = sum(sizes) - self._bytes
        for pair, size in zip(files, sizes, strict=True):
            if too_many <= 0:
                return
            too_many -= size
            for path in pair:
                path.unlink(missing_ok=True)

    def close(self) -> None: ...


def _megabytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ConfigError(f"clips: megabytes={plain(text)} must be above 0, as in clips:DIR?megabytes=200")
    return value
