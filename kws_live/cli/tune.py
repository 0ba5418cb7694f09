"""Watch the spotter listen and tune it live, on a page in the browser; Ctrl-C stops.

  kws-live tune                              the default microphone
  kws-live tune --source demo:               without a microphone
  kws-live tune --host 0.0.0.0               from another machine too
  kws-live tune --settings room.toml         the file is watched, the sliders follow it

The printed address holds a token, because other users of this machine could open the page too; who has opened it once
needs it no more. A token of your own comes from --token-file or from KWS_LIVE_TOKEN in the environment.

Every option of `kws-live listen` works as well. The page needs no internet, and no sound leaves this machine.
Profiles and the seconds you mark, once you turn that on, go to --folder; nothing else is written.
"""

import argparse

from kws_live.cli import listen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listen.add_arguments(parser)
    parser.set_defaults(panel=True)
    parser.add_argument("--port", type=int, metavar="N", help="of the page (default: 7878; 0: any free one)")
    parser.add_argument("--host", metavar="ADDRESS", help="to serve at (default: this machine alone)")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token-file", metavar="FILE", help="its first line is the token (default: one is made up)")
    token.add_argument("--token", metavar="WORD", help="the token; other users see it in the list of processes")
    token.add_argument("--no-token", action="store_true", help="whoever uses this machine may open the page")
    parser.add_argument(
        "--folder", metavar="DIR", help="for profiles and marked sound (default: your own, see kws-live settings)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(arguments: argparse.Namespace) -> int:
    return listen.run(arguments)
