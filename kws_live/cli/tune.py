"""Watch the spotter listen and tune it live, on a page in the browser; Ctrl-C stops.

  kws-live tune                              the default microphone
  kws-live tune --source demo:               without a microphone
  kws-live tune --host 0.0.0.0               from another machine too; the printed address holds a token
  kws-live tune --settings room.toml         the file is watched, the sliders follow it

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
    parser.add_argument("--token", metavar="WORD", help="asked of every visitor; beyond this machine one is made up")
    parser.add_argument("--folder", metavar="DIR", help="for profiles and marked sound (default: kws-live-panel)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(arguments: argparse.Namespace) -> int:
    return listen.run(arguments)
