"""Serve spoken commands to Home Assistant and other clients of the Wyoming protocol. Ctrl-C stops.

  kws-live wyoming                              this machine only, port 10400
  kws-live wyoming --uri tcp://0.0.0.0:10400    the whole network; not encrypted, and anyone on it can connect
  kws-live wyoming --uri tcp://0.0.0.0:10400 --zeroconf      discovered by Home Assistant
  kws-live wyoming --threshold stop=0.7

In Home Assistant: Settings, Devices & services. With --zeroconf it is listed there; otherwise choose Add integration,
Wyoming Protocol, and enter host and port. Each word is a separate wake word. More: kws-live guide home-assistant
"""

import argparse
import asyncio
import contextlib
import socket
import sys

from kws_live.cli.settings_options import add_settings, settings_from
from kws_live.cli.signals import signals
from kws_live.errors import ConfigError
from kws_live.model import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--uri", default="tcp://127.0.0.1:10400", help="tcp://HOST:PORT, unix://PATH or stdio:// (default: %(default)s)"
    )
    parser.add_argument(
        "--zeroconf", nargs="?", const="", metavar="NAME",
        help='announce the service on the network, under this name (default: "kws-live on HOST")',
    )  # fmt: skip
    add_settings(parser, own=True)


def run(arguments: argparse.Namespace) -> int:
    try:
        from kws_live.wyoming.server import serve
    except ImportError as error:
        raise ConfigError('wyoming needs another package: pip install "kws-live[wyoming]"') from error
    model = load_model(arguments.model)
    settings = settings_from(arguments, model)

    name = arguments.zeroconf
    if name == "":
        name = f"kws-live on {socket.gethostname()}"[:63]

    def greet() -> None:
        words = " ".join(model.card.keywords)
        print(f"serving {arguments.uri}, model {model.card.name}: {words}. Ctrl-C stops.", file=sys.stderr, flush=True)

    async def until_told() -> None:
        serving = asyncio.ensure_future(serve(arguments.uri, model, settings, greet, name))
        loop = asyncio.get_running_loop()
        with (
            signals.noted(lambda: loop.call_soon_threadsafe(serving.cancel)),
            contextlib.suppress(asyncio.CancelledError),
        ):
            await serving

    asyncio.run(until_told())
    return 0
