"""``python -m kws_live`` and the script ``kws-live``."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C must not end the imports below with a traceback

from kws_live.cli import program

if __name__ == "__main__":  # worker processes import this module under another name
    program()
