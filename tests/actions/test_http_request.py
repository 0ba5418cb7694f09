import json

import pytest
from spoken import Receiver, free_port, spoken

from kws_live.actions.http_request import HttpRequest
from kws_live.errors import ActionError, ConfigError


def test_the_event_is_posted_as_json_with_name_and_password_as_basic_authentication() -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        HttpRequest(f"http://Aladdin:open%20sesame@127.0.0.1:{port}/hook?x=1").do(spoken("yes"))
    (method, path, headers, body) = receiver.requests[0]
    assert (method, path) == ("POST", "/hook?x=1")
    assert headers["Authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # the example of RFC 7617, section 2
    assert json.loads(body)["keyword"] == "yes"


def test_method_body_and_headers_are_the_users() -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        request = HttpRequest(
            f"http://127.0.0.1:{port}/", "PUT", '{"say": "{keyword}", "other": {}}', {"Authorization": "Bearer 1"}
        )
        assert '{"say": "off", "other": {}}' in request.describe(spoken("off"))
        request.do(spoken("off"))
    (method, _, headers, body) = receiver.requests[0]
    assert (method, headers["Authorization"], body) == ("PUT", "Bearer 1", '{"say": "off", "other": {}}')


@pytest.mark.parametrize(("code", "again"), [(503, True), (429, True), (404, False), (401, False), (302, False)])
def test_an_answer_that_is_no_success_fails_and_says_whether_another_try_may_help(code: int, again: bool) -> None:
    receiver = Receiver()
    receiver.answers.append(code)
    with receiver.serving() as port, pytest.raises(ActionError, match=f"answered {code}") as failure:
        HttpRequest(f"http://127.0.0.1:{port}/").do(spoken("yes"))
    assert failure.value.again is again
    assert len(receiver.requests) == 1  # a redirected POST would arrive as a GET without its body


def test_a_server_that_is_away_may_be_tried_again() -> None:
    with pytest.raises(ActionError, match="cannot reach") as failure:
        HttpRequest(f"http://127.0.0.1:{free_port()}/").do(spoken("yes"))
    assert failure.value.again


@pytest.mark.parametrize("url", ["http:", "http://", "ftp://host/", "http://host:port/", "host/path"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        HttpRequest(url)
