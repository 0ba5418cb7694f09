"""For programs that PyInstaller freezes: it finds this folder by its entry point and takes the hooks in it."""

from pathlib import Path


def hook_folders() -> list[str]:
    """Where the hooks lie."""
    return [str(Path(__file__).parent)]
