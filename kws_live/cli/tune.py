"""Watch and tune listening live, on a page in the browser. Ctrl-C stops.

  kws-live tune                              the default microphone
  kws-live tune --source demo:               without a microphone
  kws-live tune --host 0.0.0.0               reachable from other machines too
  kws-live tune --settings room.toml         the sliders follow the file when it changes

The printed address contains a token, because other users of this machine could open the page too. A browser needs it
only once. Set your own token with --token-file or the environment variable KWS_LIVE_TOKEN.

Every option of kws-live listen works here too. The page needs no internet connection, and no audio leaves this machine.
Profiles, and marked audio if you allow it, are saved in --folder; nothing else is written.
"""

import argparse

from kws_live.cli import listen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listen.add_arguments(parser)
    parser.set_defaults(panel=True)
    parser.add_argument("--port", type=int, metavar="N", help="port of the page (default: 7878; 0: any free one)")
    parser.add_argument("--host", metavar="ADDRESS", help="address to serve on (default: 127.0.0.1, this machine only)")
    token = parser.add_mutually_exclusive_group()
    token.add_argument(
        "--token-file", metavar="FILE", help="file whose first line is the token (default: a random token)"
    )
    token.add_argument("--token", metavar="WORD", help="the token itself; other users can see it in the process list")
    token.add_argument("--no-token", action="store_true", help="let any user of this machine open the page")
    parser.add_argument(
        "--folder", metavar="DIR", help="folder for profiles and marked audio (default: see kws-live settings)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address without opening it")


def run(arguments: argparse.Namespace) -> int:
    return listen.run(arguments)
