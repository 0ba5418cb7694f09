"""Run a program."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from kws_live.actions import LIMIT_SECONDS, fill, printable, shortened, values_of
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event
from kws_live.system.text_file import user_path


class Command:
    """Runs a program, without a shell, with the event in its environment.

    ``{keyword}`` and the like are replaced in the arguments; the environment contains ``KWS_LIVE_KEYWORD``,
    ``KWS_LIVE_SCORE``, ``KWS_LIVE_SECONDS``, ``KWS_LIVE_SOURCE`` and ``KWS_LIVE_EVENT`` (JSON). What the program
    prints goes to standard error, so that standard output contains only events.

    Parameters
    ----------
    arguments : the program and its arguments
    limit_seconds : time limit, after which it is killed with its children
    shell : pass the single argument to the system's shell; nothing is replaced in it, use the environment

    Raises
    ------
    ConfigError
        If there is no such program.
    """

    def __init__(self, arguments: Sequence[str], limit_seconds: float = LIMIT_SECONDS, shell: bool = False) -> None:
        if not arguments or not arguments[0]:
            raise ConfigError("a command needs a program, as in exec:./lamp.sh {keyword}")
        self._arguments = tuple(arguments)
        self._limit_seconds = limit_seconds
        self._shell = shell
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self._name = shortened(arguments[0])
        if any("\0" in argument for argument in arguments):
            raise ConfigError(f"cannot run {self._name}: a command cannot contain a NUL character")
        if not shell and "{" not in arguments[0]:
            program = user_path(arguments[0])
            try:
                is_there, is_file = shutil.which(program) is not None, program.is_file()
            except OSError as error:
                raise ConfigError(f"cannot run {self._name}: {error.strerror}") from error
            if not is_there:
                hint = "make it executable: chmod +x" if is_file else "check the name or give a path:"
                raise ConfigError(f"cannot run {self._name}: no such program; {hint} {self._name[1:-1]}")

    def describe(self, event: Event) -> str:
        return printable("run " + (self._arguments[0] if self._shell else shlex.join(self._filled(event))))

    def _filled(self, event: Event) -> list[str]:
        program, *rest = (fill(argument, event) for argument in self._arguments)
        return [str(user_path(program)) if program.startswith("~") else program, *rest]

    def do(self, event: Event, given: bytes | None = None) -> None:
        """Run it with ``given`` on its standard input."""
        environment = {f"KWS_LIVE_{name.upper()}": value for name, value in values_of(event).items()}
        environment["KWS_LIVE_EVENT"] = json.dumps(event.to_dict(), ensure_ascii=False)
        name = self._name
        with self._lock:
            if self._closed:
                raise ActionError(f"{name} was not run: listening has ended")
            try:
                process = subprocess.Popen(
                    self._arguments[0] if self._shell else self._filled(event),
                    shell=self._shell,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
                    stdout=_standard_error(),
                    start_new_session=True,  # so that its children can be killed with it
                )
            except (OSError, ValueError, ConfigError) as error:
                raise ActionError(f"cannot run {name}: {getattr(error, 'strerror', None) or error}") from error
            self._running.add(process)
        try:
            process.communicate(given, self._limit_seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            raise ActionError(f"{name} took longer than {self._limit_seconds:g} s and was killed") from None
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode:
            raise ActionError(f"{name} ended with code {process.returncode}")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _standard_error() -> int:
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2
