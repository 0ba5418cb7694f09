"""Show your settings for a model: their location and the values in effect.

  kws-live settings                                 the default model's
  kws-live settings --model my-words
  kws-live settings > my.toml                       save all of them, to edit
  cp my.toml "$(kws-live settings --path)"          use them by default from now on

listen, tune, detect and wyoming use the file unless --settings gives another one. It only needs to contain what differs
from the model's defaults. The same folder holds taught words, profiles and marked audio; set KWS_LIVE_HOME to move it.
"""

import argparse

from kws_live.detection import make_settings
from kws_live.model import DEFAULT_MODEL, load_model
from kws_live.model.folders import user_models_folder
from kws_live.system.user_folder import own_settings, user_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", "-m", default=DEFAULT_MODEL, help="the model (default: %(default)s)")
    parser.add_argument("--path", action="store_true", help="print only the path of the file, whether or not it exists")


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.model)
    path = own_settings(model.card.name)
    if arguments.path:
        print(path)
        return 0
    live = make_settings(model)
    if path.is_file():
        live.load(path)
    used = "" if path.is_file() else "  (does not exist; the model's defaults apply)"
    folder = user_folder()
    print(
        f"# settings  {path}{used}\n# words     {user_models_folder()}\n"
        f"# profiles  {folder / 'profiles'}\n# evidence  {folder / 'feedback'}\n"
    )
    print(live.to_toml(), end="")
    return 0
