"""Train models/commands-12 and models/commands-12-small from recordings, as for the repository.

DATA contains:

  logmel40_v0.02.zip      log-mel images of Speech Commands v0.02, training and validation
  commands/               recordings of Speech Commands, one folder per word
  noise/speech_commands/  its background recordings
  sounds/, voices/        everyday sounds and voices from scripts/fetch_recordings, one folder per collection
  speech/librispeech/     speakers 163 1737 1898 19 (training) and 1970 2416 (validation), in LibriSpeech's layout
  talk/                   more talk in LibriSpeech's layout, one folder per speaker (those who say a keyword in every
                          sentence are used for test only); the games from
                          scripts/fetch_recordings, and transcripts of two of them: amazon_queen.trans.txt
                          and steel_sky.trans.txt; optionally word times, *.words.jsonl
                          (scripts/transcribe_talk.py makes both)
  scripts/                transcripts of the third, from scripts/fetch_recordings
  test.csv, test/         test recordings, used only for the final measurement

Everything is resumable: run the same command again. Existing parts are not repeated.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from add_verifier import add_verifier
from speakers import SPEAKERS

from kws_live.cli import main as kws_live
from kws_live.evaluation.talk import SAME_SOUND
from kws_live.model.features import SPEECH
from kws_live.training.corpora.game_talk import GAMES, fish_fillets_transcripts, write_sentences, write_transcripts
from kws_live.training.corpora.negatives import write_negatives
from kws_live.training.corpora.other_voices import write_other_voices
from kws_live.training.corpora.short_sounds import write_short_sounds
from kws_live.training.corpora.transcripts import read_times, talk_without
from kws_live.training.dataset import SetName
from kws_live.training.recipe import load_recipe
from kws_live.training.recordings import which_set

VALIDATION_SOUNDS: Final = (
    "colobot-common-sounds",
    "freedroidrpg-data",
    "lomiri-sounds",
    "minetest-data",
    "oxygen-sounds",
    "tecnoballz-data",
    "tuxfootball",
)
"""Whole collections, so that none of their sounds occurs in training."""

TRANSCRIPTS: Final = {
    "flight-of-the-amazon-queen": "amazon_queen.trans.txt",
    "beneath-a-steel-sky": "steel_sky.trans.txt",
}
VALIDATION_TALK: Final = ("beneath-a-steel-sky",)
"""In addition to a fifth of the readers, drawn by name: actors who occur in no other recording."""

SEED: Final = 1
N_SYNTHETIC: Final = 5000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("out", type=Path, nargs="?", default=Path("models"), metavar="OUT", help="default: models")
    parser.add_argument(
        "--features", type=Path, default=Path("features/default"), metavar="DIR", help="folder for the features"
    )
    parser.add_argument("--jobs", default="1", metavar="N", help="processes that prepare batches (default: 1)")
    given = parser.parse_args(arguments)

    features = given.features
    archives = make_features(given.data, features)

    def train(name: str, out: Path, some: Sequence[Path], *more: str | Path) -> Path:
        given_features = [part for archive in some for part in ("--features", archive)]
        run("train", "--recipe", name, *given_features, "--jobs", given.jobs, *more, "--out", out)
        return out

    test: list[str | Path] = ["--test", given.data / "test.csv"]
    # On a CPU each takes days: the recipes say how they were trained on a GPU.
    default = train("commands-12", given.out / "commands-12", archives, *test)
    verifier = train("commands-12-verifier", features / "commands-12-verifier", archives[:5])
    add_verifier(default, verifier)
    train("commands-12-small", given.out / "commands-12-small", archives, *test)
    return 0


def make_features(data: Path, features: Path) -> list[Path]:
    """Create the feature archives that do not exist yet; returns all of them."""
    archives = [features / name for name in ("images", "negatives", "recordings", "sounds", "voices", "talk")]
    for source, archive in ((data / "logmel40_v0.02.zip", archives[0]), (data / "commands", archives[2])):
        if not archive.exists():
            run("prepare", source, "--out", archive)
    if not archives[1].exists():
        print("making features of running speech and noise", file=sys.stderr)
        write_negatives(
            archives[1],
            SPEECH,
            load_recipe("commands-12").keywords,
            {data / "speech" / "librispeech" / name: set_name for name, set_name in SPEAKERS.items()},
            (data / "noise" / "speech_commands").glob("*.ogg"),
            SEED,
            N_SYNTHETIC,
        )
    if not archives[3].exists():
        print("making features of everyday sound", file=sys.stderr)
        collections = [(folder, _set_of(folder)) for folder in sorted((data / "sounds").iterdir())]
        write_short_sounds(archives[3], SPEECH, collections, SEED)
    if not archives[4].exists():
        print("making features of voices", file=sys.stderr)
        folders = sorted((data / "voices").iterdir())
        write_other_voices(archives[4], SPEECH, folders, load_recipe("commands-12").keywords)
    if not archives[5].exists():
        print("making features of more talk", file=sys.stderr)
        _unpack_games(data)
        times = read_times(sorted((data / "talk").glob("*.words.jsonl")))
        speakers = {folder: set_name for folder, set_name in more_talk(data).items() if set_name != "test"}
        write_negatives(archives[5], SPEECH, unwanted_words(), speakers, hop_frames=25, times=times)
    return archives


def _set_of(collection: Path) -> SetName:
    return "val" if collection.name in VALIDATION_SOUNDS else "train"


def unwanted_words() -> tuple[str, ...]:
    """Return the keywords and words that sound the same; sentences with them are not used as other talk."""
    return (*load_recipe("commands-12").keywords, *(word for same in SAME_SOUND.values() for word in same))


def more_talk(data: Path) -> dict[Path, SetName]:
    """Return the set of each speaker's folder; the actors of a game count as one speaker.

    A fifth of them, drawn by name, are for validation. Of the others, those who say a keyword in every sentence are for
    test: they are not in the archive of talk, so no network was trained on them.
    """
    return {
        folder: "val" if folder.name in VALIDATION_TALK or which_set(folder.name) != "train" else _train_or_test(folder)
        for folder in sorted((data / "talk").iterdir())
        if folder.is_dir()
    }


def _train_or_test(speaker: Path) -> SetName:
    is_reader = any(speaker.rglob("[!.]*.trans.txt"))
    return "test" if is_reader and not any(talk_without(speaker, unwanted_words())) else "train"


def _unpack_games(data: Path) -> None:
    """Extract the games' sentences and transcripts next to the unpacked packages."""
    for package in GAMES:
        if not (data / "talk" / package / "sentences").exists():
            write_sentences(data / "talk" / package, data / "talk" / package / "sentences")
    said: dict[str, Iterable[str]] = {
        package: (data / "talk" / name).read_text().splitlines() for package, name in TRANSCRIPTS.items()
    }
    for language in ("cs", "nl"):
        scripts = data / "scripts" / "fillets-ng-data"
        said[f"fillets-ng-data-{language}"] = fish_fillets_transcripts(scripts, language)
    for package, lines in said.items():
        write_transcripts(lines, data / "talk" / package / "sentences")


def run(*words: str | Path) -> None:
    """Run one ``kws-live`` command; a failure ends the script with its exit code."""
    print("kws-live", *words, file=sys.stderr)
    if code := kws_live([str(word) for word in words]):
        raise SystemExit(code)


if __name__ == "__main__":
    raise SystemExit(main())
