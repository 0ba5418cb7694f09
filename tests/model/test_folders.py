from pathlib import Path

import pytest

from kws_live.errors import ConfigError, ModelError
from kws_live.model.folders import find_model, shipped_models, shipped_models_folder, user_models, user_models_folder


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    return folder


def test_a_model_of_the_user_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "mine"))
    assert user_models() == []
    mine = make(tmp_path / "mine" / "lamp")
    make(tmp_path / "mine" / ".lamp.half-written")
    assert user_models() == ["lamp"]
    assert find_model("lamp") == mine
    with pytest.raises(ModelError, match=r"no model 'lampp'; choose from: .*; your own: lamp; or give a folder"):
        find_model("lampp")


def test_a_shipped_model_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path))
    name = shipped_models()[0]
    make(tmp_path / name)
    assert find_model(name) == shipped_models_folder() / name


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/kws-live/models"),
        ("linux", {"HOME": "/home/eva"}, "/home/eva/.local/share/kws-live/models"),
        ("darwin", {"HOME": "/Users/eva"}, "/Users/eva/Library/Application Support/kws-live/models"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/kws-live/models"),
    ],
)
def test_each_system_has_its_own_place(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KWS_LIVE_HOME", "KWS_LIVE_MODELS", "XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert user_models_folder().as_posix() == expected


def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number of no user."""
    for name in (
        "HOME",
        "USERPROFILE",
        "HOMEDRIVE",
        "HOMEPATH",
        "KWS_LIVE_HOME",
        "KWS_LIVE_MODELS",
        "XDG_DATA_HOME",
        "APPDATA",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


def test_a_user_without_a_home_has_no_models_and_every_other_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homeless(monkeypatch)
    mine = make(tmp_path / "mine")
    assert user_models() == []
    assert find_model(mine) == mine
    assert find_model(shipped_models()[0]) == shipped_models_folder() / shipped_models()[0]
    with pytest.raises(ModelError, match="no model 'lamp'"):
        find_model("lamp")
    with pytest.raises(ConfigError, match="set KWS_LIVE_HOME"):
        user_models_folder()
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path))
    assert user_models() == ["mine"]


def test_a_models_folder_that_cannot_be_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_LIVE_MODELS", "~nosuchuser/models")
    assert user_models() == []
    with pytest.raises(ModelError, match="no model '~nosuchuser/x'"):
        find_model("~nosuchuser/x")


PACKAGE = """
class Evil(Exception):
    def __str__(self): return "two\\nlines"
raise Evil
"""


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("nosuchmodule:x", "ModuleNotFoundError"),
        ("evil_models:x", "Evil: two lines"),
        ("os:sep.nosuch", "AttributeError"),
        ("os:environ", "TypeError"),
    ],
)
def test_a_package_whose_model_cannot_be_had_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, said: str
) -> None:
    about = tmp_path / "evil-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[kws_live.models]\nevil = {entry}\n")
    (tmp_path / "evil_models.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=f"'evil'.*{said}") as caught:
        find_model("evil")
    assert "\n" not in str(caught.value)
