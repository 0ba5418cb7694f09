from pathlib import Path

import pytest

from kws_live.errors import ModelError
from kws_live.model_folders import find_model, shipped_models, shipped_models_folder, user_models, user_models_folder


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
    with pytest.raises(ModelError, match=r"no model 'lampp'; shipped are: .*; your own: lamp; or give a folder"):
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
    for name in ("KWS_LIVE_MODELS", "XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert user_models_folder().as_posix() == expected
