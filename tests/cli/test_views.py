"""The page's token and browser, as the command line hands them over."""

import argparse
import re
import stat
import sys
import webbrowser
from pathlib import Path

import pytest

from kws_live.cli.listen import PAGE_OPTIONS
from kws_live.cli.views import TOKEN_VARIABLE, browser_at, token_from
from kws_live.errors import ConfigError


def _options(**given: str) -> argparse.Namespace:
    return argparse.Namespace(**{**PAGE_OPTIONS, **given})


def test_the_token_comes_from_a_file_the_option_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert token_from(_options()) is None
    monkeypatch.setenv(TOKEN_VARIABLE, "from the environment")
    assert token_from(_options()) == "from the environment"
    assert token_from(_options(token="given")) == "given"
    (tmp_path / "token").write_text("in a file \nanother line\n")
    assert token_from(_options(token_file=str(tmp_path / "token"))) == "in a file"


def test_a_token_that_cannot_be_had_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, message in (("empty", "the token is empty"), ("absent", "cannot read"), ("binary", "cannot read")):
        with pytest.raises(ConfigError, match=message):
            token_from(_options(token_file=str(tmp_path / name)))
    with pytest.raises(ConfigError, match="the token is empty"):
        token_from(_options(token=""))
    monkeypatch.setenv(TOKEN_VARIABLE, "")
    assert token_from(_options()) is None


class _Browser(webbrowser.BaseBrowser):
    """Remembers what it is given on its command line, and what stands in that file."""

    def __init__(self) -> None:
        super().__init__("test")
        self.opened: list[str] = []
        self.pages: list[tuple[str, int, int]] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.opened.append(url)
        if url.startswith("file:"):
            path = Path(url.removeprefix("file://"))
            modes = (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode))
            self.pages.append((path.read_text(), *modes))
        return True


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Browser:
    browser = _Browser()
    webbrowser.register("test browser", None, browser)
    monkeypatch.setenv("BROWSER", "test browser")
    monkeypatch.setattr(webbrowser, "_tryorder", ["test browser"])
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("HOME", str(tmp_path))
    return browser


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_token_is_handed_to_the_browser_in_a_file_of_this_user_alone(opened: _Browser, tmp_path: Path) -> None:
    url = "http://127.0.0.1:7878/?token=S3CRET"
    with browser_at(url):
        ((page, _mode, folder_mode),) = opened.pages
    assert "S3CRET" not in opened.opened[0]
    found = re.search(r"url=(\S+)\"", page)
    assert found is not None
    assert found[1] == url
    assert folder_mode == 0o700
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_a_token_is_opened_as_it_is(opened: _Browser, tmp_path: Path) -> None:
    with browser_at("http://127.0.0.1:7878/"):
        assert opened.opened == ["http://127.0.0.1:7878/"]


@pytest.mark.twin("test_an_address_without_a_token_is_opened_as_it_is")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a desktop")
def test_without_a_desktop_no_browser_is_opened(opened: _Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with browser_at("http://127.0.0.1:7878/?token=S3CRET"):
        assert opened.opened == []
