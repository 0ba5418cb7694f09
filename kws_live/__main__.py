"""``python -m kws_live`` is the command ``kws-live``."""

import sys

from kws_live.cli import main

sys.exit(main())
