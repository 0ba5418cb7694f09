"""Who gets in: the token, and the cookie that proves it."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from kws_live.errors import ConfigError
from kws_live.panel.place import Place
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from tests.panel.panel_fakes import PATIENCE_SECONDS, Client, FedSource, cookie_of, tone_spotter


@pytest.fixture
def spotter() -> Iterator[Spotter]:
    with tone_spotter(FedSource()) as running:
        yield running


@pytest.fixture
def panel(spotter: Spotter, tmp_path: Path) -> Iterator[Panel]:
    with Panel(spotter, Place(port=0, folder=tmp_path)) as running:
        yield running


def get(panel: Panel, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_page_needs_the_token_once_and_then_its_cookie(spotter: Spotter, tmp_path: Path, host: str) -> None:
    with Panel(spotter, Place(host=host, port=0, folder=tmp_path)) as panel:
        assert panel.token is not None
        assert panel.url.endswith(f"/?token={panel.token}")
        assert get(panel).status == 401
        assert get(panel, "/panel.js").status == 401
        assert get(panel, "/?token=guess").status == 401
        assert get(panel, "/?token=gu%C3%9F").status == 401
        with pytest.raises(InvalidStatus):
            Client(panel, additional_headers={})
        entered = get(panel, f"/?token={panel.token}")
        assert (entered.status, entered.getheader("Location")) == (303, "/")
        assert "HttpOnly" in (entered.getheader("Set-Cookie") or "")
        cookie = cookie_of(panel)
        assert panel.token not in cookie
        assert cookie.startswith(f"kws_live_{panel.port}=")
        assert get(panel, Cookie=cookie).status == 200
        assert get(panel, Cookie=cookie, Host="evil.example").status == 421
        client = Client(panel, additional_headers={"Cookie": cookie})
        assert client.hello["type"] == "hello"
        client.close()
        with pytest.raises(InvalidStatus):
            Client(panel, additional_headers={"Cookie": cookie}, origin="http://evil.example")


@pytest.mark.parametrize("token", ["{token}", "an+old+one", ""])
def test_the_token_leaves_the_address_bar_when_the_cookie_is_set_already(panel: Panel, token: str) -> None:
    path = "/?token=" + token.format(token=panel.token)
    again = get(panel, path, Cookie=cookie_of(panel))
    assert (again.status, again.getheader("Location")) == (303, "/")


def test_a_link_from_another_site_works_in_its_second_step(panel: Panel) -> None:
    assert "samesite=lax" in (get(panel, f"/?token={panel.token}").getheader("Set-Cookie") or "").lower()


@pytest.mark.parametrize(
    "beside", ['a={"x":1}; {}', "{}; b=\xff", "=; ;;{}", 'kws_live_1=x; {}; c="', "{name}=guess; {}", "  {}  "]
)
def test_cookies_of_neighbours_drop_none_of_ours(panel: Panel, beside: str) -> None:
    ours = cookie_of(panel)
    cookies = beside.replace("{}", ours).replace("{name}", ours.partition("=")[0])
    assert get(panel, Cookie=cookies).status == 200
    assert get(panel, Cookie=cookies.replace(ours, "")).status == 401


@pytest.mark.parametrize("token", ["zwei Wörter; a=b", '"', "a,b\\c", "x" * 500])
def test_a_token_may_be_any_word(spotter: Spotter, tmp_path: Path, token: str) -> None:
    with Panel(spotter, Place(port=0, folder=tmp_path, token=token)) as panel:
        assert get(panel, Cookie=cookie_of(panel)).status == 200
        assert get(panel, Cookie=f"kws_live_{panel.port}={token.encode().hex()}").status == 401


def test_without_a_token_this_machine_is_served_and_no_other(spotter: Spotter, tmp_path: Path) -> None:
    with Panel(spotter, Place(port=0, folder=tmp_path, ask_token=False)) as panel:
        assert panel.token is None
        assert get(panel, Host=f"localhost:{panel.port}").status == 200
    with pytest.raises(ConfigError, match=r"'0\.0\.0\.0' is open to other machines"):
        Panel(spotter, Place(host="0.0.0.0", port=0, folder=tmp_path, ask_token=False))
