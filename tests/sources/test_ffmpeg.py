import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.sources import AudioSource, open_source
from kws_live.sources.ffmpeg import Ffmpeg

RATE_HZ = 22_050
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32) / 2

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here: apt-get install ffmpeg")


def take_all(source: AudioSource) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    blocks = []
    while (block := source.read(10.0)) is not None:
        blocks.append(block)
    return np.concatenate(blocks)


@needs_ffmpeg
@pytest.mark.parametrize("prefix", ["ffmpeg:", "file:", ""])
def test_a_film_is_heard_though_libsndfile_cannot_read_it(tmp_path: Path, prefix: str) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, RATE_HZ)
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", tmp_path / "a.wav", tmp_path / "a.m4a"], check=True)
    source = open_source(prefix + str(tmp_path / "a.m4a"), paced=False)
    heard = take_all(source)[:, 0]
    assert source.read(0.0) is None
    source.close()
    source.close()
    assert source.rate_hz == RATE_HZ
    assert not source.live
    spectrum = np.abs(np.fft.rfft(heard[:RATE_HZ]))
    assert abs(int(np.argmax(spectrum)) - 440) <= 1  # a second's spectrum has a line each hertz


class QuietPages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """Where the test's folder is served."""
    pages = functools.partial(QuietPages, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@needs_ffmpeg
def test_an_address_is_live_its_password_stays_hidden_and_its_end_is_a_loss(host: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, RATE_HZ)
    source = open_source(f"http://user:secret@{host}/a.wav")
    assert source.live
    assert source.name == f"http://{host}/..."
    with pytest.raises(SourceLostError, match="ended") as end:
        take_all(source)
    assert "secret" not in str(end.value)
    source.close()
    with pytest.raises(SourceUnavailableError, match="404") as missing:
        open_source(f"http://user:secret@{host}/b.wav")
    assert "secret" not in str(missing.value)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["missing.m4a", "text.m4a"])
def test_what_ffmpeg_cannot_read_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.m4a").write_text("no sound at all")
    with pytest.raises(SourceUnavailableError, match="ffmpeg cannot read") as failure:
        open_source(f"ffmpeg:{tmp_path / name}")
    assert "\n" not in str(failure.value)


def test_without_ffmpeg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceUnavailableError, match="needs ffmpeg; install it"):
        Ffmpeg("rtsp://camera/stream")
