"""Other programs that record from the same microphone, from what a sound server says."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kws_live.errors import SourceUnavailableError
from kws_live.sources.recorders import other_recorders

OURS, THEIRS = str(os.getpid()), "1"


def stream(index: int, process: str, name: str = "Firefox", source: int = 3, **more: Any) -> dict[str, Any]:
    """A stream as `pactl` tells of it."""
    properties = {"application.process.id": process, "application.name": name} if process else {}
    common = {"corked": False, "resample_method": "speex-float-1"}
    return {"index": index, "source": source, "properties": properties, **common, **more}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the sound server answers: a file."""
    pactl = tmp_path / "pactl"
    pactl.write_text(f'#!/bin/sh\nwhile read -r line; do echo "$line"; done < {tmp_path / "answer"}\n')
    pactl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "answer"


def test_streams_of_others_from_the_same_microphone_are_found_by_name(server: Path) -> None:
    streams = [
        stream(0, OURS),
        stream(1, THEIRS),
        stream(2, THEIRS, "Zoom"),
        stream(3, THEIRS, source=9),
        stream(4, ""),
        stream(5, THEIRS, corked=True),
        stream(6, THEIRS, resample_method="peaks"),
    ]
    server.write_text(json.dumps(streams) + "\n")
    assert other_recorders() == {1: "Firefox", 2: "Zoom"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("[]\n", "this program uses none of their microphones; choose mic:pulse"),
        ("Connection refused\n", "failed: JSONDecodeError; start the sound server"),
        (None, "failed: "),
    ],
)
def test_where_it_is_not_known_that_is_one_line(server: Path, answer: str | None, said: str) -> None:
    if answer is None:
        server.with_name("pactl").unlink()
    else:
        server.write_text(answer)
    with pytest.raises(SourceUnavailableError, match=said) as failure:
        other_recorders()
    assert "\n" not in str(failure.value)
