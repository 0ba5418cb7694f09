"""Show your settings for a model: where they lie, and what holds.

  kws-live settings                                 the default model's
  kws-live settings --model my-words
  kws-live settings > my.toml                       all of them, to be changed
  cp my.toml "$(kws-live settings --path)"          from now on they are yours

listen, tune, detect and wyoming use the file unless --settings names another one. It need not name everything. The
folder holds your taught words, profiles and marked sound as well; KWS_LIVE_HOME names another folder.
"""

import argparse

from kws_live.detection import make_settings
from kws_live.model import DEFAULT_MODEL, load_model
from kws_live.model.folders import user_models_folder
from kws_live.system.user_folder import own_settings, user_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", "-m", default=DEFAULT_MODEL, help="whose settings (default: %(default)s)")
    parser.add_argument(
        "--path", action="store_true", help="print the path of the file alone, whether it exists or not"
    )


def run(arguments: argparse.Namespace) -> int:
    model = load_model(arguments.model)
    path = own_settings(model.card.name)
    if arguments.path:
        print(path)
        return 0
    live = make_settings(model)
    if path.is_file():
        live.load(path)
    used = "" if path.is_file() else "  (does not exist; the model's own values hold)"
    folder = user_folder()
    print(
        f"# settings  {path}{used}\n# words     {user_models_folder()}\n"
        f"# profiles  {folder / 'profiles'}\n# evidence  {folder / 'feedback'}\n"
    )
    print(live.to_toml(), end="")
    return 0
