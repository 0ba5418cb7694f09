"""Download a training data set, verify it and unpack it.

  kws-live dataset download speech-commands
  kws-live dataset download speech-commands --to /data

Speech Commands v0.02: 105,829 recordings of 35 words, a download of 2.4 GB plus 3.8 GB when unpacked, CC BY 4.0
(P. Warden, arXiv:1804.03209). An interrupted download resumes.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do")
    download = actions.add_parser(
        "download", help="download a data set", description="Download a data set, verify it and unpack it."
    )
    download.add_argument("name", choices=("speech-commands",), help="which data set")
    download.add_argument(
        "--to", type=Path, default=Path("datasets"), metavar="DIR", help="folder to unpack into (default: %(default)s)"
    )
    download.add_argument("--url", help="download this tar archive instead, such as a mirror")
    download.add_argument("--sha256", metavar="HEX", help="checksum of the archive given by --url")


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
        print(f"{packed.name} was not verified; to verify it, give its --sha256")
    with progress("unpacking", in_bytes=True) as on_progress:
        folder = unpack(packed, arguments.to / packed.name.partition(".tar")[0], on_progress)
    print(f"{folder} is ready; next: kws-live prepare {folder} --out features")
    return 0
