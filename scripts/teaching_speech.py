"""Whose talk is for what, where words are taught: to tell a word from and choose its bias on, or to prove it on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from speakers import SPEAKERS, speakers_of

from kws_live.audio import Samples
from kws_live.evaluation.talk import Sentence, join_chapters

ONE_READER: Final = "LJ"
"""The folder of talk/ that one person read for longer than all others: training alone."""


def _talk_speakers(data: Path) -> tuple[list[Path], list[Path]]:
    """Speakers of talk/: for training, and by turns for the proof."""
    folders = sorted(folder for folder in (data / "talk").iterdir() if folder.is_dir() and folder.name != ONE_READER)
    return [data / "talk" / ONE_READER, *folders[::2]], folders[1::2]


def training_talk(data: Path) -> list[Path]:
    """Folders of the speakers that words are told from, and their bias chosen on."""
    return [*(data / "speech" / "librispeech" / name for name in speakers_of("train")), *_talk_speakers(data)[0]]


def proof_talk(data: Path) -> list[Path]:
    """Folders of speakers that no word, bias or network has seen."""
    speakers = sorted(folder for folder in (data / "speech" / "librispeech").iterdir() if folder.is_dir())
    return [*(folder for folder in speakers if folder.name not in SPEAKERS), *_talk_speakers(data)[1]]


def talk_of(folder: Path) -> Iterator[tuple[Samples, tuple[Sentence, ...]]]:
    """Each chapter of a speaker, at 16 kHz, and what is said in it."""
    for _, samples, utterances in join_chapters(folder):
        yield samples, utterances
