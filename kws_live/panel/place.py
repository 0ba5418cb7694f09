"""Where the panel is served and saves, checked before anything else is opened."""

import secrets
import socket
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from kws_live.errors import ConfigError
from kws_live.panel.guard import is_loopback
from kws_live.system.saving import why_unwritable
from kws_live.system.text_file import user_path
from kws_live.system.user_folder import user_folder

DEFAULT_PORT: Final = 7878


class Place:
    """An address that is taken, and a folder.

    Parameters
    ----------
    host : address to bind to
    port : 0 takes any free one
    folder : for profiles and evidence, created when something is saved; None: `kws_live.system.user_folder`
    token : instead of a random one
    ask_token : whether a page needs the token. Without it every user and program of this machine can listen to the
        last ten minutes, so it is required except on loopback

    Attributes
    ----------
    port : the one that is taken
    token : None if not required
    socket : listens already

    Raises
    ------
    ConfigError
        If the address cannot be used or needs a token, the folder cannot be written, or the user has none.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        folder: str | Path | None = None,
        token: str | None = None,
        ask_token: bool = True,
    ) -> None:
        if not (ask_token or is_loopback(host)):
            raise ConfigError(f"address {host!r} is open to other machines: omit --no-token, or use 127.0.0.1")
        self.folder = user_folder() if folder is None else _writable(user_path(folder))
        self.host = host
        self.token = (token or secrets.token_urlsafe(16)) if ask_token else None
        self.socket = _bind(host, port)
        self.port: int = self.socket.getsockname()[1]

    @property
    def url(self) -> str:
        """The address to open, including the token if there is one."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/" + (f"?token={quote(self.token, safe='')}" if self.token else "")

    def close(self) -> None:
        """Give the address back; may be called twice."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _writable(folder: Path) -> Path:
    """Return a folder that can be written, or created."""
    if why := why_unwritable(folder):
        raise ConfigError(f"cannot save in {str(folder)!r}: {why}; choose another --folder")
    return folder


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if not is_windows():
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()
    except (OSError, OverflowError) as error:
        bound.close()
        why = f"cannot serve at {host} port {port}: {str(error.args[-1]).rstrip('.')}"
        raise ConfigError(f"{why}; choose another --host, or --port (0: any free one)") from error
    return bound


def is_windows() -> bool:
    """Whether this is Windows, where SO_REUSEADDR would let two programs share a port."""
    return hasattr(socket, "SO_EXCLUSIVEADDRUSE")
