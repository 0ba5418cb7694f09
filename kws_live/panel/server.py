"""The panel's web server: one page and one WebSocket, on a thread of its own."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from functools import partial
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy.fft
import numpy.ma  # noqa: F401 - like numpy.fft, otherwise imported late, when no file handle may be left
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as FileRequest
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kws_live.errors import SessionError
from kws_live.guide.web import guide_pages
from kws_live.panel.connections import PageConnection, Request, log
from kws_live.panel.desk import Desk
from kws_live.panel.guard import HEADERS, Guard, is_loopback
from kws_live.panel.observer import STALLED_SECONDS, Observer
from kws_live.panel.place import Place
from kws_live.panel.view_state import Cursor
from kws_live.spotter import Spotter
from kws_live.system.door import BACKLOG, Door
from kws_live.system.outside_log import report_to

LARGEST_FRAME_BYTES: Final = 2**20
"""A longer frame ends the connection; below that a message that is too long gets an error."""

FRAME_SECONDS: Final = 0.16
"""Between two frames of a page. One at each hop would take Chromium 15 % of a core in place of 10 %."""

FRAMES_PER_STATUS: Final = 6

MOST_PAGES: Final = 16
START_SECONDS: Final = 10.0
CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class _Page:
    """One open page. It gets the next frame when it has shown the previous one, so nothing queues up."""

    def __init__(self) -> None:
        self.begin(n_models=0)
        self.ready = True
        self.go = asyncio.Event()

    def begin(self, n_models: int) -> None:
        """Send everything again, for the current model."""
        self.n_models = n_models
        self.cursor = Cursor()
        self.version = -1
        self.lesson = -1
        self.status_due = 1

    def shown(self) -> None:
        """Note that the page has shown its frame."""
        self.ready = True

    async def wanted(self) -> None:
        """Wait until the next frame is due."""
        await self.go.wait()
        self.go.clear()
        self.ready = False

    def is_status_due(self) -> bool:
        """Whether the next frame includes the status, as one each second does."""
        self.status_due = (self.status_due - 1) % FRAMES_PER_STATUS
        return self.status_due == 0

    def news(self, settings: int, lesson: int) -> tuple[bool, bool]:
        """Return whether these versions of settings and lesson are new to the page, and note them as sent."""
        is_new = settings != self.version, lesson != self.lesson
        self.version, self.lesson = settings, lesson
        return is_new


class Panel:
    """Serve the panel of a spotter: ``with Panel(spotter, Place()) as panel: print(panel.url)``.

    Parameters
    ----------
    spotter : may be running already
    place : where it is served; closed with the panel

    Attributes
    ----------
    spotter : what it shows
    token : None if not required
    url : to open, including the token
    """

    def __init__(self, spotter: Spotter, place: Place) -> None:
        self.port, self.token, self.url = place.port, place.token, place.url
        self.spotter = spotter
        self._place = place
        self._observer = Observer(spotter)
        self._desk = Desk(self._observer, place.folder)
        self._settings = spotter.settings
        self._pages: set[_Page] = set()
        self._files = _static_files()
        self._started = threading.Event()
        app = Starlette(
            routes=[WebSocketRoute("/live", self._live), Route("/{name:path}", self._file)], lifespan=self._lifespan
        )
        door = Door()
        config = uvicorn.Config(
            Guard(app, is_loopback(place.host), place.token),
            lifespan="on",
            log_config=None,
            access_log=False,
            http=partial(Request, door),  # type: ignore[arg-type]
            ws=partial(PageConnection, door),  # type: ignore[arg-type]
            backlog=BACKLOG,
            ws_max_size=LARGEST_FRAME_BYTES,
            ws_per_message_deflate=False,  # on one machine it only costs time
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="kws-live panel", daemon=True)

    def start(self) -> None:
        """Start serving."""
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            self.close()
            raise SessionError(
                f"the page did not start within {START_SECONDS:.0f} s; try again, or with another --port"
            )

    def close(self) -> None:
        """Stop serving; may be called twice."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._place.close()
        self._desk.lessons.close()
        self._observer.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._place.socket])

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(report_to(log))
        ticking = asyncio.create_task(self._tick())
        self._started.set()
        yield
        ticking.cancel()

    async def _tick(self) -> None:
        """Once per frame: process what has happened, and release the pages that are ready for a frame."""
        while True:
            self._observer.poll()
            await self._desk.input.keep_playing()
            for page in self._pages:
                if page.ready:
                    page.go.set()
            await asyncio.sleep(FRAME_SECONDS)

    async def _file(self, request: FileRequest) -> Response:
        found = self._files.get(request.path_params["name"] or "index.html")
        if found is None:
            return Response("No such page.", 404, HEADERS, "text/plain")
        content, kind = found
        return Response(content, 200, HEADERS, kind)

    async def _live(self, socket: WebSocket) -> None:
        if len(self._pages) >= MOST_PAGES:
            await socket.close(1013)
            return
        await socket.accept()
        page = _Page()
        self._pages.add(page)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send(socket, page))
                await self._receive(socket, page)
                sending.cancel()
        except* (WebSocketDisconnect, RuntimeError):
            pass  # the page has left; Starlette raises the latter if something is being sent
        finally:
            self._pages.discard(page)

    async def _receive(self, socket: WebSocket, page: _Page) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text == "next":
                page.shown()
            else:
                await socket.send_text(json.dumps(await self._desk.answer(text or "")))
            await asyncio.sleep(0)  # one message per turn, so that a flood from one page does not delay the others

    async def _send(self, socket: WebSocket, page: _Page) -> None:
        while True:
            await page.wanted()
            if page.n_models != self._observer.n_models:
                page.begin(self._observer.n_models)
                await socket.send_text(json.dumps(self._desk.hello()))
            await socket.send_text(json.dumps(self._frame(page), separators=(",", ":")))

    def _frame(self, page: _Page) -> dict[str, Any]:
        frame = self._observer.state.frame(page.cursor)
        frame["headline"], frame["silent"] = self._desk.headline(), self._observer.silent_seconds > STALLED_SECONDS
        lessons = self._desk.lessons
        has_settings, has_lesson = page.news(self._settings.version, lessons.version)
        if has_settings:
            frame["settings"] = self._desk.settings()
        if has_lesson:
            frame["lesson"] = lessons.to_dict()
        if page.is_status_due():
            frame["status"] = self._desk.status()
        return frame


def _static_files() -> dict[str, tuple[bytes, str]]:
    """Read the page's files, once, so that no request reaches the file system."""
    folder = resources.files("kws_live.panel") / "static"
    files = {
        item.name: (item.read_bytes(), CONTENT_TYPES[Path(item.name).suffix])
        for item in folder.iterdir()
        if Path(item.name).suffix in CONTENT_TYPES
    }
    return files | {name: (text.encode(), CONTENT_TYPES[".html"]) for name, text in guide_pages().items()}
