"""Download a data set to train on, check it and unpack it.

  kws-live dataset download speech-commands
  kws-live dataset download speech-commands --to /data

Speech Commands v0.02: 105,829 recordings of 35 words, 2.4 GB to fetch and 3.8 GB more unpacked, CC BY 4.0
(P. Warden, arXiv:1804.03209). A download that was interrupted goes on where it stopped.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do")
    download = actions.add_parser("download", help="fetch a data set", description="Fetch a data set and unpack it.")
    download.add_argument("name", choices=("speech-commands",), help="which data set")
    download.add_argument(
        "--to", type=Path, default=Path("datasets"), metavar="DIR", help="folder (default: %(default)s)"
    )
    download.add_argument("--url", help="fetch this tar archive instead, such as a mirror")
    download.add_argument("--sha256", metavar="HEX", help="what the archive given with --url must have")


def run(arguments: argparse.Namespace) -> int:
    from kws_live.cli.progress import progress
    from kws_live.errors import ConfigError
    from kws_live.training.download import SPEECH_COMMANDS, RemoteArchive, download, unpack

    if arguments.sha256 and not arguments.url:
        raise ConfigError("--sha256 belongs to --url; the official archive is always checked")
    archive = RemoteArchive(arguments.url, arguments.sha256) if arguments.url else SPEECH_COMMANDS
    with progress("fetching", in_bytes=True) as on_progress:
        packed = download(archive, arguments.to, on_progress)
    if archive.sha256 is None:
        print(f"{packed.name} has not been checked; give its --sha256 to do so")
    with progress("unpacking", in_bytes=True) as on_progress:
        folder = unpack(packed, arguments.to / packed.name.partition(".tar")[0], on_progress)
    print(f"{folder} is ready; next: kws-live prepare {folder} --out features")
    return 0
