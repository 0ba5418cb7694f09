"""What ``listen`` says at its end when a sink, an action or a binding delivered less than everything."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kws_live.cli import main
from kws_live.testing import FakeMicrophone
from tests.spoken import Receiver, free_port


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def listen_to(microphone: FakeMicrophone, *arguments: str) -> int:
    microphone.end_with("yes")
    return main(["listen", "--json", *arguments])


@pytest.mark.slow
@pytest.mark.parametrize(
    "sink", ["http://127.0.0.1:{port}/hook", "mqtt://127.0.0.1:{port}/kws", "exec:{python} -c 1/0"]
)
def test_a_sink_that_delivers_nothing_makes_the_exit_code_one(microphone: FakeMicrophone, sink: str) -> None:
    assert listen_to(microphone, "--sink", sink.format(port=free_port(), python=sys.executable)) == 1


@pytest.mark.slow
def test_a_server_that_never_answers_makes_the_exit_code_one(microphone: FakeMicrophone) -> None:
    with silent_server() as port:
        assert listen_to(microphone, "--sink", f"http://127.0.0.1:{port}/") == 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_makes_the_exit_code_one(microphone: FakeMicrophone, caplog: pytest.LogCaptureFixture) -> None:
    assert listen_to(microphone, "--sink", "jsonl:/dev/full") == 1
    assert caplog.records[-1].message.endswith("by the end: cannot write events: No space left on device: '/dev/full'")


@pytest.mark.slow
def test_a_binding_that_fails_makes_the_exit_code_one(microphone: FakeMicrophone, tmp_path: Path) -> None:
    path = tmp_path / "commands.toml"
    path.write_text(f"[[binding]]\nrun = [{sys.executable!r}, '-c', '1/0']\n")
    assert listen_to(microphone, "--bindings", str(path)) == 1


@pytest.mark.slow
def test_sinks_that_deliver_everything_make_it_zero(microphone: FakeMicrophone, tmp_path: Path) -> None:
    receiver = Receiver()
    with receiver.serving() as port:
        sinks = (
            f"http://127.0.0.1:{port}/",
            f"jsonl:{tmp_path}/e.jsonl",
            f"csv:{tmp_path}/e.csv",
            f"sqlite:{tmp_path}/e.db",
        )
        assert listen_to(microphone, *(word for sink in sinks for word in ("--sink", sink))) == 0
    assert len(receiver.requests) == 1
