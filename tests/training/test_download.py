"""Fetching and unpacking, against a server on this machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kws_live.cli import main
from kws_live.errors import DatasetError
from kws_live.training.download import SPARE_BYTES, RemoteArchive, download, unpack


def make_tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


CONTENT = make_tar({f"yes/{number}.wav": hashlib.sha256(bytes([number])).digest() * 5000 for number in range(30)})
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """An HTTP server that can break off and forget how to resume.

    Attributes
    ----------
    breaks_after : for each coming answer, the bytes after which the line breaks
    ranges : whether it can resume
    asked : the Range header of each request
    """

    url: str = ""
    breaks_after: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append(asked)
            if self.path != "/words.tar.gz":
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.ranges else 0
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            end = start + state.breaks_after.pop(0) if state.breaks_after else len(CONTENT)
            self.wfile.write(CONTENT[start:end])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}/words.tar.gz"
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_an_archive_is_fetched_checked_and_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    path = download(RemoteArchive(server.url, DIGEST), tmp_path / "new", lambda *step: progress.append(step))
    assert path.read_bytes() == CONTENT
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    download(RemoteArchive(server.url, DIGEST), tmp_path / "new")
    assert len(server.asked) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["words.tar.gz"]


def test_a_line_that_breaks_twice_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks_after = [1000, 500]
    path = download(RemoteArchive(server.url, DIGEST), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000-", "bytes=1500-"]


def test_an_interrupted_download_goes_on_at_the_next_call(server: Server, tmp_path: Path) -> None:
    (tmp_path / "words.tar.gz.part").write_bytes(CONTENT[:700])
    assert download(RemoteArchive(server.url, DIGEST), tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=700-"]


def test_a_download_that_was_whole_but_not_yet_checked_is_accepted(server: Server, tmp_path: Path) -> None:
    (tmp_path / "words.tar.gz.part").write_bytes(CONTENT)
    assert download(RemoteArchive(server.url, DIGEST), tmp_path).read_bytes() == CONTENT


def test_a_server_that_cannot_resume_sends_everything_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "words.tar.gz.part").write_bytes(b"x" * 700)
    assert download(RemoteArchive(server.url, DIGEST), tmp_path).read_bytes() == CONTENT


def test_a_line_that_brings_nothing_new_is_given_up_and_what_is_there_is_kept(server: Server, tmp_path: Path) -> None:
    server.breaks_after = [1000, 0]
    with pytest.raises(DatasetError, match="1,000 bytes are kept"):
        download(RemoteArchive(server.url, DIGEST), tmp_path)
    assert (tmp_path / "words.tar.gz.part").stat().st_size == 1000


def test_a_wrong_checksum_removes_the_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"has SHA-256 {DIGEST}, not {'0' * 64}; it was removed"):
        download(RemoteArchive(server.url, "0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="404"):
        download(RemoteArchive(server.url.replace("words", "gone"), DIGEST), tmp_path)
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot fetch http://127\.0\.0\.1:9/words\.tar\.gz"):
        download(RemoteArchive("http://127.0.0.1:9/words.tar.gz", None), tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "words.tar.gz", "http://example.org/"])
def test_only_web_addresses_of_a_file_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatasetError, match="is not an http or https address of a file"):
        download(RemoteArchive(url, None), tmp_path)


def test_a_disk_without_room_is_told_before_anything_is_fetched(server: Server, tmp_path: Path) -> None:
    needed = 3 * len(CONTENT) + SPARE_BYTES
    with pytest.raises(
        DatasetError, match=f"needs {needed:,} bytes of disk space when unpacked; .* has {needed - 1:,}"
    ):
        download(RemoteArchive(server.url, DIGEST), tmp_path, free=lambda _: needed - 1)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_becomes_full_stops_the_download_and_the_next_call_goes_on(server: Server, tmp_path: Path) -> None:
    (tmp_path / "words.tar.gz.part").write_bytes(CONTENT[:1000])
    answers = iter([10**12, SPARE_BYTES - 1])  # plenty when asked first, then full
    with pytest.raises(DatasetError, match=r"is full; free .* it resumes here"):
        download(RemoteArchive(server.url, DIGEST), tmp_path, free=lambda _: next(answers))
    assert download(RemoteArchive(server.url, DIGEST), tmp_path).read_bytes() == CONTENT


def test_an_archive_is_unpacked_once_and_whole(tmp_path: Path) -> None:
    (tmp_path / "words.tar.gz").write_bytes(CONTENT)
    folder = unpack(tmp_path / "words.tar.gz", tmp_path / "words")
    assert len(list((folder / "yes").iterdir())) == 30
    (folder / "yes" / "0.wav").write_text("mine")
    unpack(tmp_path / "words.tar.gz", tmp_path / "words")
    assert (folder / "yes" / "0.wav").read_text() == "mine"


@pytest.mark.parametrize("name", ["../outside.wav", "yes/../../outside.wav"])
def test_a_path_that_climbs_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "bad.tar.gz").write_bytes(make_tar({"yes/1.wav": b"1", name: b"2"}))
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack(inner / "bad.tar.gz", inner / "words")
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "bad.tar.gz"]


def test_an_absolute_path_is_unpacked_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(make_tar({f"{tmp_path}/outside.wav": b"2"}))
    folder = unpack(tmp_path / "bad.tar.gz", tmp_path / "words")
    assert not (tmp_path / "outside.wav").exists()
    assert len(list(folder.rglob("outside.wav"))) == 1


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        info = tarfile.TarInfo("yes")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DatasetError, match="'yes', which is neither file nor folder"):
        unpack(tmp_path / "bad.tar", tmp_path / "words")
    assert not (tmp_path / "words").exists()


def test_a_damaged_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(CONTENT[: len(CONTENT) // 2])
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "words")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar.gz"]


def test_a_full_disk_stops_unpacking_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "words.tar.gz").write_bytes(CONTENT)
    with pytest.raises(DatasetError, match="is full; free some"):
        unpack(tmp_path / "words.tar.gz", tmp_path / "words", free=lambda _: SPARE_BYTES)
    assert [path.name for path in tmp_path.iterdir()] == ["words.tar.gz"]


def test_the_command_fetches_and_unpacks(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["dataset", "download", "speech-commands", "--to", str(tmp_path), "--url", server.url]
    assert main([*command, "--sha256", DIGEST]) == 0
    assert f"{tmp_path / 'words'} is ready" in capsys.readouterr().out
    assert len(list((tmp_path / "words" / "yes").iterdir())) == 30


def test_the_command_tells_an_error_in_one_line(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dataset", "download", "speech-commands", "--to", str(tmp_path), "--url", server.url]
    assert main([*command, "--sha256", "0" * 64]) == 1
    error = capsys.readouterr().err
    assert error.startswith("kws-live: words.tar.gz.part has SHA-256")
    assert error.count("\n") == 1
