"""``python -m kws_live`` is the command ``kws-live``."""

from kws_live.cli import program

if __name__ == "__main__":  # worker processes import this module under another name
    program()
