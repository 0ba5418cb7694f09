"""LibriSpeech speakers used for training and tuning; no figure is measured on them."""

from typing import Final

from kws_live.training.dataset import SetName

SPEAKERS: Final[dict[str, SetName]] = {
    "163": "train",
    "1737": "train",
    "1898": "train",
    "19": "train",
    "1970": "val",
    "2416": "val",
}


def speakers_of(set_name: SetName) -> list[str]:
    """Return the speakers of one set."""
    return [name for name, known in SPEAKERS.items() if known == set_name]
