"""Hooks for programs packed by PyInstaller, which finds this folder through an entry point."""

from pathlib import Path


def hook_folders() -> list[str]:
    """Return the folder of the hooks."""
    return [str(Path(__file__).parent)]
