"""The hooks for PyInstaller name what exists; they themselves run only inside PyInstaller."""

import importlib.util
import runpy
import sys
import tomllib
import types
from importlib import metadata
from pathlib import Path

import pytest

from kws_live.freezing import hook_folders

ROOT = Path(__file__).parents[1]


@pytest.fixture
def pyinstaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of PyInstaller as the hooks ask for."""
    hooks = types.ModuleType("PyInstaller.utils.hooks")

    def copy_metadata(name: str) -> list[tuple[str, str]]:
        return [(str(metadata.distribution(name)), name)]

    vars(hooks).update(
        copy_metadata=copy_metadata,
        collect_data_files=lambda package, excludes: [],
        collect_submodules=lambda package: [package],
    )
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)


def test_the_entry_point_leads_to_a_hook_for_each_package_that_needs_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pyinstaller40"] == {"hook-dirs": "kws_live.freezing:hook_folders"}
    (folder,) = hook_folders()
    assert {path.name for path in Path(folder).glob("hook-*.py")} == {"hook-kws_live.py", "hook-webrtcvad.py"}


@pytest.mark.usefixtures("pyinstaller")
def test_the_hooks_collect_the_models_and_modules_that_are_named_by_strings() -> None:
    (folder,) = hook_folders()
    hook = runpy.run_path(str(Path(folder) / "hook-kws_live.py"))
    models = [Path(place) for place, target in hook["datas"] if target == "kws_live/models"]
    assert [(place / "commands-12" / "card.json").is_file() for place in models] == [True]
    assert all(importlib.util.find_spec(name) for name in hook["hiddenimports"])
    # `kws_live` itself imports these by their names, where PyInstaller does not see it.
    assert {"kws_live.detection", "kws_live.spotter"} <= set(hook["hiddenimports"])
    assert runpy.run_path(str(Path(folder) / "hook-webrtcvad.py"))["datas"]
