from pathlib import Path

import pytest

from kws_live.cli import main
from kws_live.system.user_folder import own_settings, user_folder

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KWS_LIVE_HOME", str(tmp_path))
    return tmp_path


def write_settings(text: str) -> Path:
    path = own_settings("commands-12")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(arguments) == 0
    return [line.split()[2] for line in capsys.readouterr().out.splitlines() if " s  " in line]


def test_one_folder_holds_settings_words_profiles_and_evidence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert user_folder() == home
    assert main(["settings"]) == 0
    out = capsys.readouterr().out
    for part in ("settings/commands-12.toml", "models", "profiles", "feedback"):
        assert str(home / part) in out
    assert "does not exist" in out


@pytest.mark.parametrize("command", [["detect", "demo:"], ["listen", "--source", "demo:", "--fast"]])
def test_the_users_own_settings_count_where_no_others_are_named(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(words(command, capsys)) == 10
    write_settings('active = ["yes", "stop"]\n')
    assert words(command, capsys) == ["yes", "stop"]
    other = tmp_path / "other.toml"
    other.write_text('active = ["no"]\n', encoding="utf-8")
    assert words([*command, "--settings", str(other)], capsys) == ["no"]
    assert words([*command, "--only", "up"], capsys) == ["up"]


def test_what_settings_prints_is_a_settings_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_settings("[thresholds]\nyes = 0.77\n")
    assert main(["settings"]) == 0
    text = capsys.readouterr().out
    assert '"yes" = 0.77' in text
    assert "does not exist" not in text
    (tmp_path / "all.toml").write_text(text, encoding="utf-8")
    assert main(["settings", "--path"]) == 0
    assert capsys.readouterr().out == f"{own_settings('commands-12')}\n"
    assert len(words(["detect", "demo:", "--settings", str(tmp_path / "all.toml")], capsys)) == 10


def test_a_models_settings_do_not_touch_another_model(capsys: pytest.CaptureFixture[str]) -> None:
    write_settings('active = ["yes"]\n')
    assert len(words(["detect", "demo:", "--model", "commands-12-small"], capsys)) > 1


def test_a_broken_settings_file_is_one_line_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    path = write_settings("refractory_seconds = -1\n")
    for command in (["detect", "demo:"], ["settings"]):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"kws-live: {path}, line 1: ")
        assert error.count("\n") == 1


def test_a_measurement_does_not_depend_on_the_users_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings("refractory_seconds = -1\n")
    clips = tmp_path / "clips" / "yes"
    clips.mkdir(parents=True)
    assert main(["evaluate", "--clips", str(tmp_path / "clips"), "--json"]) == 1
    assert "refractory" not in capsys.readouterr().err
