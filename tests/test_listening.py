"""What ``listen`` opens, and the settings file that it follows."""

import os
import threading
from pathlib import Path

import pytest

import kws_live
from kws_live.errors import KwsLiveError
from kws_live.events import Event
from kws_live.model import Model
from tests.fakes import EndlessSource

PATIENCE_SECONDS = 30.0


def test_what_cannot_be_opened_leaves_nothing_open(commands_model: Model, tmp_path: Path) -> None:
    class Sink:
        closed = False

        def send(self, event: Event) -> None: ...

        def close(self) -> None:
            self.closed = True

    for arguments in (
        {"source": str(tmp_path / "none.wav")},
        {"settings": str(tmp_path / "none.toml")},
        {"thresholds": {"yes": 2.0}},
        {"thresholds": {"maybe": 0.5}},
    ):
        sink, source = Sink(), EndlessSource()
        options = {"source": source, "sinks": [sink], "model": commands_model, **arguments}
        with pytest.raises(KwsLiveError):
            kws_live.listen(**options)  # type: ignore[arg-type]
        # Settings are read first, before anything is opened or taken over.
        assert sink.closed or "source" not in arguments


def test_a_changed_settings_file_is_taken_while_listening(
    commands_model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[thresholds]\nyes = 0.31\n")
    changed, warned = threading.Event(), threading.Event()

    with kws_live.listen(EndlessSource(), model=commands_model, settings=path) as spotter:
        assert spotter.settings.snapshot().thresholds["yes"] == 0.31

        def look(step: object) -> None:
            if spotter.settings.snapshot().thresholds["yes"] == 0.77:
                changed.set()
            if "line 2" in caplog.text:
                warned.set()

        spotter.watch(look)
        path.write_text("[thresholds]\nyes = 0.77\n")
        os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)
        assert changed.wait(PATIENCE_SECONDS)
        path.write_text("[thresholds]\nyes = 7.7\n")
        os.utime(path, ns=(path.stat().st_mtime_ns + 2 * 10**9,) * 2)
        assert warned.wait(PATIENCE_SECONDS)
        assert spotter.settings.snapshot().thresholds["yes"] == 0.77
        spotter.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_settings_from_a_pipe_are_taken(commands_model: Model, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("[thresholds]\nyes = 0.7\nno = 0.8\n"))
    writer.start()
    with kws_live.listen(EndlessSource(), model=commands_model, settings=pipe, thresholds={"no": 0.9}) as spotter:
        writer.join()
        now = spotter.settings.snapshot().thresholds
        assert (now["yes"], now["no"]) == (0.7, 0.9)
