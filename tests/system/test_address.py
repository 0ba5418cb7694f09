import pytest

from kws_live.system.address import shown


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mqtt://user:S3CRET@host:1883/home/voice", "mqtt://host:1883/home/voice"),
        ("mqtt://user:S3CRET@host", "mqtt://host"),
        ("mqtt://user:S3C/RET@host/topic", "mqtt://host/topic"),
        ("mqtt://user:S3C@RET@host/topic", "mqtt://host/topic"),
        ("http://host:9/hook?token=S3CRET", "http://host:9/..."),
        ("https://host/api/webhook/S3CRET", "https://host/..."),
        ("https://S3CRET@host", "https://host"),
        ("http://host?S3CRET", "http://host/..."),
        ("http://host/#S3CRET", "http://host/..."),
        ("rtsp://user:S3CRET@camera:554/stream?key=S3CRET", "rtsp://camera:554/stream"),
        ("tcp://192.168.1.7:5000?rate=16000&key=S3CRET", "tcp://192.168.1.7:5000"),
        ("http://user:S3CRET@[::1", "http://[::1"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert "S3C" not in shown(address)


@pytest.mark.parametrize("text", ["mic:USB", "talk.wav", "jsonl:events.jsonl", "a question? #1 of me@home", ""])
def test_what_is_no_address_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text
