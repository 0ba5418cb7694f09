"""Split of the talk for taught words: negatives and choice of the bias, or test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from speakers import SPEAKERS, speakers_of

from kws_live.audio import Samples
from kws_live.evaluation.talk import Sentence, join_chapters

ONE_READER: Final = "LJ"
"""The folder of talk/ by one reader who read longer than all others together: training only."""


def _talk_speakers(data: Path) -> tuple[list[Path], list[Path]]:
    """Yield the speakers of talk/, alternately for training and test."""
    folders = sorted(folder for folder in (data / "talk").iterdir() if folder.is_dir() and folder.name != ONE_READER)
    return [data / "talk" / ONE_READER, *folders[::2]], folders[1::2]


def training_talk(data: Path) -> list[Path]:
    """Return the folders of the speakers used as negatives and for the bias."""
    return [*(data / "speech" / "librispeech" / name for name in speakers_of("train")), *_talk_speakers(data)[0]]


def proof_talk(data: Path) -> list[Path]:
    """Return the folders of speakers used for no word, bias or network."""
    speakers = sorted(folder for folder in (data / "speech" / "librispeech").iterdir() if folder.is_dir())
    return [*(folder for folder in speakers if folder.name not in SPEAKERS), *_talk_speakers(data)[1]]


def talk_of(folder: Path) -> Iterator[tuple[Samples, tuple[Sentence, ...]]]:
    """Yield each chapter of a speaker, at 16 kHz, and its sentences."""
    for _, samples, utterances in join_chapters(folder):
        yield samples, utterances
